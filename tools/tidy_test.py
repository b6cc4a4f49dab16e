#!/usr/bin/env python3
"""Each rule of tidy.py finds its violation in a small tree, and nothing where there is none."""

import tempfile
import tomllib
import unittest
from pathlib import Path

from tidy import Tidy

RULES = tomllib.loads((Path(__file__).resolve().parent / 'layers.toml').read_text(encoding='utf-8'))


class TidyTest(unittest.TestCase):
    def findings(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding='utf-8')
            return [f'{path}:{line}: {what}' for path, line, what in Tidy(Path(folder), RULES).run()]

    def assert_finds(self, path, text, line, what, **others):
        found = self.findings({path: text, **others})
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(f'{path}:{line}: '), found[0])
        self.assertIn(what, found[0])

    def test_clean_tree_has_no_findings(self):
        self.assertEqual(self.findings({
            'src/batch/a.h': 'FIRN_MUST_USE firn_status a_make(int x, firn_error *err);\n'
                             'struct ops {\n    firn_status (*write)(int x);\n};\n'
                             'firn_status a_fail(firn_error *err);\n',
            'src/batch/a.c': '#include "batch/a.h"\n#include <string.h>\n#include "base/error.h"\n'
                             '/* strcpy() in a comment */\nint f(void) { g("strcpy(x)"); s->time(1); o.exit(2); }\n',
            'src/parquet/a_b_test.c': '#include "iceberg/x.h"\nint main(void) { exit(1); }\n',
        }), [])

    def test_include_against_the_direction(self):
        self.assert_finds('src/batch/a.c', '\n#include "parquet/x.h"\n', 2, 'batch/ may not include parquet/')

    def test_include_without_folder(self):
        self.assert_finds('src/batch/a.c', '#include "x.h"\n', 1, 'without its folder')

    def test_unknown_folder(self):
        self.assert_finds('src/helper/a.c', 'int x;\n', 1, "'helper'")

    def test_vendor_header_outside_its_folder(self):
        self.assert_finds('src/load/a.c', '#include <libpq-fe.h>\n', 1, 'belongs to postgres/')
        self.assert_finds('src/codec/json_writer.c', '#include <jansson.h>\n', 1, 'codec/json_reader.c')
        self.assert_finds('src/write/a.c', '#include <openssl/ssl.h>\n', 1, 'postgres/')

    def test_own_header_comes_first(self):
        self.assert_finds('src/batch/a.c', '#include <stdio.h>\n#include "batch/a.h"\n', 1, 'not its first',
                          **{'src/batch/a.h': ''})

    def test_banned_calls(self):
        self.assert_finds('src/load/a.c', 'void f(void)\n{\n    strcpy (a, b);\n}\n', 3, 'strcpy()')
        self.assert_finds('src/load/a.c', 'int f(void) { return time(0); }\n', 1, 'time()')
        self.assert_finds('src/load/a.c', 'void f(void) { exit(1); }\n', 1, 'only main.c, cli/')

    def test_status_without_must_use(self):
        self.assert_finds('src/load/a.h', '/* x */\n\nfirn_status\na_make(int x);\n', 4, 'a_make()')

    def test_extern_in_a_c_file(self):
        self.assert_finds('src/load/a.c', '\nextern int x;\n', 2, 'extern')

    def test_name_used_twice(self):
        self.assert_finds('src/load/a.c', 'int x;\n', 1, 'taken by src/batch/a.c', **{'src/batch/a.c': 'int y;\n'})

    def test_places_of_one_machine(self):
        self.assert_finds('src/load/a.c', 'const char *p = "/tm' 'p/x";\n', 1, 'no place')


if __name__ == '__main__':
    unittest.main()
