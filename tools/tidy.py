#!/usr/bin/env python3
"""Checks the sources against the rules in layers.toml: `meson test --suite tidy`, or tools/tidy.py [ROOT].

Prints one line per finding, `file:line: what`, and exits with 1 where there is one.
"""

import re
import sys
import tomllib
from pathlib import Path

COMMENT_OR_LITERAL = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.M)
CALL = re.compile(r'(?<![\w.>])([a-z_]\w*)\s*\(')
STATUS_PROTOTYPE = re.compile(r'([^;{}()]*)\bfirn_status\s+(\w+)\s*\(')
EXTERN = re.compile(r'^\s*extern\b', re.M)


def blank(match):
    """A comment or literal as blanks, lines kept."""
    return re.sub(r'[^\n]', ' ', match.group(0))


def line_of(text, position):
    return text.count('\n', 0, position) + 1


class Tidy:
    def __init__(self, root, rules):
        self.root = root
        self.rules = rules
        self.findings = []

    def report(self, path, line, what):
        self.findings.append((str(path.relative_to(self.root)), line, what))

    def files(self, folder, *suffixes):
        base = self.root / folder
        return sorted(p for p in base.rglob('*') if p.is_file() and (not suffixes or p.suffix in suffixes))

    @staticmethod
    def is_owner(inner, owners):
        """Whether src/<inner> is one of the owners: a folder, a file, or "tests"."""
        return any(inner.startswith(o) if o.endswith('/') else inner == o or (o == 'tests' and inner.endswith('_test.c'))
                   for o in owners)

    def check_includes(self, path, inner, text):
        folder = inner.split('/')[0] if '/' in inner else 'cli'  # src/main.c stands with cli/
        allowed = self.rules['layers'].get(folder)
        if allowed is None:
            self.report(path, 1, f"the folder '{folder}' is not in layers.toml")
            return
        for match in INCLUDE.finditer(text):
            kind, name = match.groups()
            line = line_of(text, match.start())
            if kind == '"':
                target = name.split('/')[0]
                if '/' not in name:
                    self.report(path, line, f'"{name}" is included without its folder')
                elif target not in (folder, *allowed) and '*' not in allowed and not inner.endswith('_test.c'):
                    self.report(path, line, f'{folder}/ may not include {target}/')
            for vendor, owners in self.rules['vendor'].items():
                hit = name.startswith(vendor) if vendor.endswith('/') else name == vendor
                if hit and not self.is_owner(inner, owners):
                    self.report(path, line, f'<{name}> belongs to {", ".join(owners)}')

    def check_own_header(self, path, inner, text):
        own = re.sub(r'(_test)?\.c$', '.h', inner)
        first = INCLUDE.search(text)
        if (self.root / 'src' / own).exists() and (not first or first.group(2) != own):
            self.report(path, line_of(text, first.start()) if first else 1, f'"{own}" is not its first include')

    def check_calls(self, path, inner, code):
        for match in CALL.finditer(code):
            owners = self.rules['calls'].get(match.group(1))
            if owners is None or self.is_owner(inner, owners):
                continue
            if re.search(r'#\s*define\s+$', code[:match.start()].rsplit('\n', 1)[-1]):
                continue
            only = f'; only {", ".join(owners)}' if owners else ''
            self.report(path, line_of(code, match.start()), f'{match.group(1)}() is banned here{only}')

    def check_must_use(self, path, code):
        code = re.sub(r'^[ \t]*#(?:[^\n]*\\\n)*[^\n]*', blank, code, flags=re.M)
        for match in STATUS_PROTOTYPE.finditer(code):
            before, name = match.groups()
            if 'FIRN_MUST_USE' not in before and not re.fullmatch(self.rules['must_use']['exempt'], name):
                self.report(path, line_of(code, match.start(2)), f'{name}() returns a firn_status without FIRN_MUST_USE')

    def check_sources(self):
        for path in self.files('src', '.c', '.h', '.def'):
            inner = str(path.relative_to(self.root / 'src'))
            text = path.read_text(encoding='utf-8')
            code = COMMENT_OR_LITERAL.sub(blank, text)
            self.check_includes(path, inner, text)
            self.check_calls(path, inner, code)
            if path.suffix == '.h':
                self.check_must_use(path, code)
            if path.suffix == '.c':
                self.check_own_header(path, inner, text)
                for match in EXTERN.finditer(code):
                    self.report(path, line_of(code, match.end()), 'extern in a .c file: declare it in a header')

    def check_names(self):
        seen = {}
        for folder in ('src', 'fuzz', 'tests', 'bench'):
            for path in self.files(folder, '.c', '.h'):
                first = seen.setdefault(path.name, path)
                if first != path:
                    self.report(path, 1, f'the name {path.name} is taken by {first.relative_to(self.root)}')

    def check_texts(self):
        banned = [re.compile(b) for b in self.rules['texts']['banned']]
        for folder in self.rules['texts']['folders']:
            for path in self.files(folder):
                if path.name == 'layers.toml' or 'corpus' in path.parts or '__pycache__' in path.parts:
                    continue
                text = path.read_text(encoding='utf-8', errors='replace')
                for pattern in banned:
                    for match in pattern.finditer(text):
                        self.report(path, line_of(text, match.start()), f"'{match.group(0)}' has no place in the project")

    def run(self):
        self.check_sources()
        self.check_names()
        self.check_texts()
        return sorted(self.findings)


def main():
    here = Path(__file__).resolve().parent
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else here.parent
    with open(here / 'layers.toml', 'rb') as file:
        rules = tomllib.load(file)
    findings = Tidy(root, rules).run()
    for path, line, what in findings:
        print(f'{path}:{line}: {what}')
    print(f'{len(findings)} findings' if findings else 'tidy')
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
