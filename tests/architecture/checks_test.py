"""Each check of the architecture passes a small sound tree and fails one that breaks its rule."""

import json
import os
import tempfile
import unittest

import checks

ROOMS = '''
events:                          # a comment
events/codec.cc: events/payloads
events/payloads: events
coordinator: events
daemon/client: events
loadgen: events
loadgen/backend_factory.cc: coordinator daemon/client
'''

WRAP = '''[wrap-file]
directory = lib-1
source_url = https://example.org/lib-1.tar.gz
source_filename = lib-1.tar.gz
source_hash = {hash}
method = cmake
[provide]
{provide}
'''


class ChecksTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = directory.name
        self.write('tests/architecture/rooms.txt', ROOMS)

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def expect_problem(self, problems, *parts):
        self.assertEqual(len(problems), 1, problems)
        for part in parts:
            self.assertIn(part, problems[0])

    def write_sound_sources(self):
        self.write('events/event.h', '#include <string>\n#include "absl/status/status.h"\n')
        self.write('events/payloads/payloads.h', '#include "events/event.h"\n')
        self.write('events/codec.cc', '#include "events/payloads/payloads.h"\n#include "payloads.pb.h"\n')
        self.write('coordinator/coordinator.h', '#include "events/event.h"\n')
        self.write('daemon/client/client.h', '#include "events/event.h"\n')
        self.write('loadgen/backend_factory.cc', '#include "coordinator/coordinator.h"\n')

    def test_includes(self):
        self.write_sound_sources()
        self.assertEqual(checks.check_includes(self.root), [])

    def test_an_include_against_the_table(self):
        self.write_sound_sources()
        self.write('events/event.cc', '#include "events/event.h"\n  #  include "events/payloads/payloads.h"\n')
        self.expect_problem(checks.check_includes(self.root), 'events/event.cc:2', 'events may not include')

    def test_the_backends_are_strangers(self):
        self.write_sound_sources()
        self.write('daemon/client/client.cc', '#include "coordinator/coordinator.h"\n')
        self.expect_problem(checks.check_includes(self.root), 'daemon/client/client.cc:1')

    def test_only_the_door_knows_backends(self):
        self.write_sound_sources()
        self.write('loadgen/session.cc', '#include "coordinator/coordinator.h"\n')
        self.expect_problem(checks.check_includes(self.root), 'loadgen/session.cc:1')

    def test_only_tests_include_tests(self):
        self.write('events/event.cc', '#include "tests/support/fake_time.h"\n')
        self.expect_problem(checks.check_includes(self.root), 'only tests may include tests')

    def test_a_room_without_a_row(self):
        self.write('analysis/main.cc', '')
        self.expect_problem(checks.check_includes(self.root), 'analysis/main.cc', 'no row')

    def test_an_include_that_does_not_exist(self):
        self.write('events/event.cc', '#include "events/gone.h"\n')
        self.expect_problem(checks.check_includes(self.root), 'does not exist')

    def write_sound_links(self):
        self.write('events/meson.build', '''
messages_lib = static_library('messages', 'payloads/messages.cc')
messages_dep = declare_dependency(link_with: messages_lib)
events_lib = static_library('events', 'codec.cc', dependencies: [messages_dep, absl_deps])
events_dep = declare_dependency(link_with: events_lib, dependencies: [messages_dep, absl_deps])
''')
        self.write('coordinator/meson.build', '''
# Generated sources have no file to look at: the folder's room counts.
plan_lib = static_library('plan', plan_proto, dependencies: events_dep)
coordinator_lib = static_library('coordinator', 'coordinator.cc', dependencies: events_dep)  # client_dep
coordinator_dep = declare_dependency(link_with: coordinator_lib, dependencies: events_dep)
''')
        self.write('loadgen/meson.build', '''
loadgen_lib = static_library('loadgen', 'session.cc', dependencies: events_dep)
factory_lib = static_library('factory', 'backend_factory.cc', link_with: loadgen_lib,
  include_directories: include_directories('.'), dependencies: [coordinator_dep])
''')

    def test_links(self):
        self.write_sound_links()
        self.assertEqual(checks.check_links(self.root), [])

    def test_a_link_against_the_table(self):
        self.write_sound_links()
        self.write('daemon/client/meson.build', '''
client_lib = static_library('client', files('client.cc'), dependencies: [events_dep,
  coordinator_dep])
''')
        self.expect_problem(checks.check_links(self.root), 'daemon/client/meson.build', 'client_lib', 'coordinator_dep')

    def test_a_link_without_a_declared_dependency(self):
        self.write_sound_links()
        self.write('daemon/client/meson.build', "x = executable('x', 'client.cc', link_with: coordinator_lib)\n")
        self.expect_problem(checks.check_links(self.root), 'coordinator_lib')

    def test_a_link_of_a_declared_dependency(self):
        self.write_sound_links()
        self.write('daemon/client/meson.build', '''
client_lib = static_library('client', 'client.cc', dependencies: events_dep)
client_dep = declare_dependency(link_with: client_lib, dependencies: coordinator_dep)
''')
        self.expect_problem(checks.check_links(self.root), 'client_dep', 'coordinator_dep')

    def test_headers(self):
        self.write_sound_sources()
        listed = checks.headers(self.root)
        self.assertIn('events/event.h', listed)
        self.assertEqual(checks.check_headers(self.root, *listed), [])
        self.expect_problem(checks.check_headers(self.root, *listed, 'events/gone.h'), 'events/gone.h: gone')
        self.write('events/new.h', '')
        self.expect_problem(checks.check_headers(self.root, *listed), 'events/new.h: not compiled alone')

    def write_sound_wraps(self):
        self.write('meson.build', '''
boost_dep = dependency('boost', version: '>=1.81')
dependency('protobuf')  # dependency('commented')
protoc = find_program('protoc')
foreach name : ['base', 'status']
  absl_deps += dependency('absl_' + name, include_type: 'system')
endforeach
''')
        self.write('subprojects/protobuf.wrap',
                   WRAP.format(hash='0' * 64, provide='protobuf = protobuf_dep\nprogram_names = protoc'))
        self.write('subprojects/abseil.wrap',
                   WRAP.format(hash='0' * 64, provide='dependency_names = absl_base, absl_status'))

    def test_wraps(self):
        self.write_sound_wraps()
        self.assertEqual(checks.check_wraps(self.root), [])

    def test_a_dependency_without_a_wrap(self):
        self.write_sound_wraps()
        self.write('tests/meson.build', "gtest_dep = dependency('gtest', required: get_option('tests'))\n")
        self.expect_problem(checks.check_wraps(self.root), 'asks for gtest')

    def test_a_name_that_nobody_asks_for(self):
        self.write_sound_wraps()
        self.write('subprojects/abseil.wrap',
                   WRAP.format(hash='0' * 64, provide='dependency_names = absl_base, absl_status, absl_cord'))
        self.expect_problem(checks.check_wraps(self.root), 'absl_cord', 'no meson.build asks for')

    def test_a_wrap_without_a_hash(self):
        self.write_sound_wraps()
        self.write('subprojects/abseil.wrap',
                   WRAP.format(hash='unknown', provide='dependency_names = absl_base, absl_status'))
        self.expect_problem(checks.check_wraps(self.root), 'not a SHA-256')

    def test_a_patch_that_is_not_there(self):
        self.write_sound_wraps()
        wrap = WRAP.format(hash='0' * 64, provide='dependency_names = absl_base, absl_status')
        self.write('subprojects/abseil.wrap', wrap.replace('[wrap-file]', '[wrap-file]\ndiff_files = a.diff, b.diff'))
        self.write('subprojects/packagefiles/a.diff', '')
        self.assertEqual(checks.check_wraps(self.root),
                         ['subprojects/abseil.wrap: packagefiles/b.diff does not exist'])

    def test_documents(self):
        self.write('docs/a.md', '# One, two\n[b](b.md#sub-title) [self](#one-two) [web](https://example.org) [f](../x/)\n'
                                '```\n[no](link)\n```\n`[no](link)`\n')
        self.write('docs/b.md', '## Sub-title\n')
        self.write('x/y', '')
        self.assertEqual(checks.check_documents(self.root), [])

    def test_a_link_that_leads_nowhere(self):
        self.write('docs/a.md', '[b](b.md)\n')
        self.expect_problem(checks.check_documents(self.root), 'docs/a.md', 'b.md', 'does not exist')

    def test_a_heading_that_is_not_there(self):
        self.write('docs/a.md', '# One\n[two](#two)\n')
        self.expect_problem(checks.check_documents(self.root), 'no such heading')

    def test_protos(self):
        self.write('events/event.proto', '')
        self.write('daemon/control.proto', '')
        self.assertEqual(checks.check_protos(self.root), [])
        self.write('loadgen/control.proto', '')
        self.expect_problem(checks.check_protos(self.root), 'loadgen/control.proto', 'daemon/control.proto')

    def test_test_names(self):
        tests = [{'name': name, 'suite': ['routebench:unit']} for name in ('a', 'b')]
        foreign = [{'name': 'a', 'suite': ['abseil-cpp']}]
        self.write('build/meson-info/intro-tests.json', json.dumps(tests + foreign))
        self.assertEqual(checks.check_test_names(self.root, os.path.join(self.root, 'build')), [])
        self.write('build/meson-info/intro-tests.json', json.dumps(tests + tests[:1]))
        self.expect_problem(checks.check_test_names(self.root, os.path.join(self.root, 'build')), 'a: 2 tests')


if __name__ == '__main__':
    unittest.main()
