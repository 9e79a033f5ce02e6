"""What the checks of the architecture read: the table of rooms, the includes, the link statements of meson.build."""

import os
import re

TOP_FOLDERS = ('analysis', 'coordinator', 'daemon', 'events', 'loadgen')


class Rooms:
    """The table of rooms.txt."""

    def __init__(self, text):
        self.rows = {}
        for line in text.splitlines():
            line = line.partition('#')[0].strip()
            if line:
                room, _, allowed = line.partition(':')
                self.rows[room.strip()] = allowed.split()
        self.rooms = {row for row in self.rows if not row.endswith(('.cc', '.h'))}

    def room_of(self, path):
        """The room that holds a file (or folder), None when no row does."""
        folder = path
        while folder:
            if folder in self.rooms:
                return folder
            folder = folder.rpartition('/')[0]
        return None

    def may_use(self, path):
        """The rooms that a file may use, its own among them."""
        room = self.room_of(path)
        return {room, *self.rows.get(room, []), *self.rows.get(path, [])}


def files(root, folders, endings):
    """Paths from the root of all files with one of the endings; build folders and subprojects are not of the source."""
    found = []
    for folder in folders:
        for directory, names, file_names in os.walk(os.path.join(root, folder)):
            names[:] = sorted(name for name in names if name not in ('node_modules', '__pycache__', 'subprojects')
                              and not name.startswith(('build', '.', 'routebench-results')))
            found += [os.path.relpath(os.path.join(directory, name), root)
                      for name in sorted(file_names) if name.endswith(endings)]
    return found


def read(root, path):
    with open(os.path.join(root, path), encoding='utf-8') as file:
        return file.read()


def includes(text):
    """The paths in quotes, with their line numbers."""
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if match:
            yield number, match.group(1)


class LinkStatement:
    """One `static_library(...)`, `executable(...)` or `declare_dependency(...)`."""

    def __init__(self, folder, variable, function, arguments):
        self.folder = folder
        self.variable = variable
        self.is_declaration = function == 'declare_dependency'
        names = re.findall(r"'([^']*)'", arguments)
        self.sources = [os.path.normpath(os.path.join(folder, name)) for name in names if name.endswith('.cc')]
        self.name = variable or (names[0] if names else function)
        self.uses = re.findall(r'\b\w+_(?:dep|deps|lib)\b', re.sub(r"'[^']*'", '', arguments))


def link_statements(root, path):
    text = re.sub(r'#.*', '', read(root, path))
    folder = os.path.dirname(path)
    for match in re.finditer(r'(?:\b(\w+)\s*=\s*)?\b(static_library|executable|declare_dependency)\s*\(', text):
        depth, end = 1, match.end()
        while depth and end < len(text):
            depth += {'(': 1, ')': -1}.get(text[end], 0)
            end += 1
        yield LinkStatement(folder, match.group(1), match.group(2), text[match.end():end - 1])
