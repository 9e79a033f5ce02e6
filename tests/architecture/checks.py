#!/usr/bin/env python3
"""The rules of the source tree that no compiler holds. `checks.py CHECK ROOT [ARGUMENTS]` prints what breaks a rule."""

import configparser
import json
import os
import re
import sys

import source_tree
from source_tree import TOP_FOLDERS

# No wrap on purpose (subprojects/README.md).
SYSTEM_DEPENDENCIES = {'threads', 'boost', 'zlib'}


def rooms_of(root):
    return source_tree.Rooms(source_tree.read(root, 'tests/architecture/rooms.txt'))


def check_includes(root):
    """Rooms include what rooms.txt allows; nothing outside tests/ includes tests/; every project include exists."""
    rooms = rooms_of(root)
    problems = []
    for path in source_tree.files(root, TOP_FOLDERS, ('.h', '.cc')):
        if rooms.room_of(path) is None:
            problems.append(f'{path}: no row of rooms.txt holds it')
            continue
        for line, included in source_tree.includes(source_tree.read(root, path)):
            top = included.partition('/')[0]
            if top == 'tests':
                problems.append(f'{path}:{line}: includes {included}, but only tests may include tests')
            if top not in TOP_FOLDERS:
                continue
            if not os.path.exists(os.path.join(root, included)):
                problems.append(f'{path}:{line}: includes {included}, which does not exist')
            elif rooms.room_of(included) not in rooms.may_use(path):
                problems.append(f'{path}:{line}: {rooms.room_of(path)} may not include {included} (rooms.txt)')
    return problems


def check_links(root):
    """The same edges for what meson.build files link."""
    rooms = rooms_of(root)
    statements = [statement for path in source_tree.files(root, TOP_FOLDERS, ('meson.build',))
                  for statement in source_tree.link_statements(root, path)]
    sources = {statement.variable: statement.sources for statement in statements if not statement.is_declaration}

    def sources_behind(statement):
        """A declared dependency speaks for the libraries it links."""
        if not statement.is_declaration:
            return statement.sources
        return [source for used in statement.uses for source in sources.get(used, [])]

    provided = {}
    for statement in statements:
        held = {rooms.room_of(source) for source in sources_behind(statement)}
        provided[statement.variable] = held or {rooms.room_of(statement.folder)}

    problems = []
    for statement in statements:
        allowed = set() if sources_behind(statement) else rooms.may_use(statement.folder)
        for source in sources_behind(statement):
            allowed |= rooms.may_use(source)
        for used in statement.uses:
            for room in sorted(provided.get(used, set()) - allowed, key=str):
                problems.append(f'{statement.folder}/meson.build: {statement.name} may not link {used}: '
                                f'that is {room} (rooms.txt)')
    return problems


def check_headers(root, *listed):
    """The list of headers that are compiled alone, made at configure time, is still the list of headers."""
    present = set(headers(root))
    return ([f'{path}: not compiled alone yet; run meson setup --reconfigure' for path in sorted(present - {*listed})] +
            [f'{path}: gone; run meson setup --reconfigure' for path in sorted({*listed} - present)])


def headers(root):
    return source_tree.files(root, (*TOP_FOLDERS, 'tests/support'), ('.h',))


def requested_dependencies(root):
    """The names that meson.build files ask for, those of foreach loops included."""
    names, programs = set(), set()
    for path in ['meson.build', *source_tree.files(root, (*TOP_FOLDERS, 'tests'), ('meson.build',))]:
        text = re.sub(r'#.*', '', source_tree.read(root, path))
        names |= set(re.findall(r"\bdependency\(\s*'([^']+)'\s*[,)]", text))
        for prefix, variable in re.findall(r"\bdependency\(\s*'([^']+)'\s*\+\s*(\w+)", text):
            for items in re.findall(r'\bforeach\s+' + variable + r'\s*:\s*\[([^\]]*)\]', text):
                names |= {prefix + item for item in re.findall(r"'([^']+)'", items)}
        programs |= set(re.findall(r"\bfind_program\(\s*'(protoc)'", text))
    return names - SYSTEM_DEPENDENCIES, programs


def check_wraps(root):
    """Every wrap is well-formed, and together they provide exactly what meson.build asks for."""
    problems = []
    provided = {}
    folder = os.path.join(root, 'subprojects')
    for name in sorted(os.listdir(folder)):
        if not name.endswith('.wrap'):
            continue
        wrap = configparser.ConfigParser(interpolation=None)
        wrap.optionxform = str
        wrap.read(os.path.join(folder, name))
        problems += [f'subprojects/{name}: {problem}' for problem in wrap_problems(wrap)]
        for patch in filter(None, wrap.get('wrap-file', 'diff_files', fallback='').split(',')):
            if not os.path.exists(os.path.join(folder, 'packagefiles', patch.strip())):
                problems.append(f'subprojects/{name}: packagefiles/{patch.strip()} does not exist')
        for provided_name, variable in (wrap['provide'].items() if wrap.has_section('provide') else ()):
            if provided_name in ('dependency_names', 'program_names'):
                names = [each.strip() for each in variable.split(',')]
            else:
                names = [provided_name]
            for each in names:
                if each in provided:
                    problems.append(f'subprojects/{name}: {each} is provided by {provided[each]} as well')
                provided[each] = name
    names, programs = requested_dependencies(root)
    problems += [f'meson.build asks for {each}, which no wrap provides' for each in
                 sorted((names | programs) - set(provided))]
    problems += [f'subprojects/{provided[each]}: provides {each}, which no meson.build asks for' for each in
                 sorted(set(provided) - names - programs)]
    return problems


def wrap_problems(wrap):
    if not wrap.has_section('wrap-file'):
        return ['has no [wrap-file]']
    section = wrap['wrap-file']
    problems = [f'lacks {key}' for key in ('directory', 'source_url', 'source_filename', 'source_hash', 'method')
                if not section.get(key)]
    if not re.fullmatch(r'[0-9a-f]{64}', section.get('source_hash', '')):
        problems.append('source_hash is not a SHA-256')
    if not section.get('source_url', '').startswith('https://'):
        problems.append('source_url is not https')
    if section.get('method') != 'cmake':
        problems.append('method is not cmake')
    if not wrap.has_section('provide'):
        problems.append('has no [provide]')
    return problems


def check_documents(root):
    """Every relative link in Markdown leads to a file, and to a heading where it names one."""
    problems = []
    for path in source_tree.files(root, ('.',), ('.md',)):
        text = re.sub(r'^```.*?^```', '', source_tree.read(root, path), flags=re.MULTILINE | re.DOTALL)
        text = re.sub(r'`[^`\n]*`', '', text)
        for target in re.findall(r'\]\(([^)\s]+)\)', text):
            if re.match(r'[a-z]+:', target):
                continue
            file, _, anchor = target.partition('#')
            linked = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if not os.path.exists(os.path.join(root, linked)):
                problems.append(f'{path}: links to {target}, which does not exist')
            elif anchor and linked.endswith('.md') and anchor not in anchors(source_tree.read(root, linked)):
                problems.append(f'{path}: links to {target}, but there is no such heading')
    return problems


def anchors(text):
    text = re.sub(r'^```.*?^```', '', text, flags=re.MULTILINE | re.DOTALL)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).strip().replace(' ', '-')
            for heading in re.findall(r'^#+\s+(.*)$', text, flags=re.MULTILINE)}


def check_protos(root):
    """File names of .proto files differ: protobuf registers them by name, and two of one name end the process."""
    seen = {}
    problems = []
    for path in source_tree.files(root, (*TOP_FOLDERS, 'tests'), ('.proto',)):
        name = os.path.basename(path)
        if name in seen:
            problems.append(f'{path}: {seen[name]} has the same name; one process cannot hold both')
        seen[name] = path
    return problems


def check_test_names(_, build_dir):
    """Names of tests differ: Meson keeps the cases of a program in a file of the test's name."""
    with open(os.path.join(build_dir, 'meson-info/intro-tests.json'), encoding='utf-8') as file:
        names = [test['name'] for test in json.load(file) if any('routebench' in suite for suite in test['suite'])]
    return [f'{name}: {names.count(name)} tests have this name' for name in sorted(set(names))
            if names.count(name) > 1]


CHECKS = {
    'includes': check_includes,
    'links': check_links,
    'headers': check_headers,
    'wraps': check_wraps,
    'documents': check_documents,
    'protos': check_protos,
    'test_names': check_test_names,
}


def main(arguments):
    if len(arguments) >= 2 and arguments[0] == 'list-headers':
        print('\n'.join(headers(arguments[1])))
        return 0
    problems = CHECKS[arguments[0]](*arguments[1:])
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
