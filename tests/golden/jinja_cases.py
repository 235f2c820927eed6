"""Templates whose rendering by Jinja is the oracle of the interpreter's tests.

Each is rendered with VARIABLES in the environment that transformers builds for chat templates.
"""

VARIABLES = {
    "s": "Hello, World",
    "empty": "",
    "ws": " \t\u00a0 x y \u3000\n",
    "u": "Grüße 👋🏽 λόγος",
    "lines": "one\ntwo\r\n\nthree\n",
    "html": "<a href='x'>R&D \"q\"</a>",
    "digits": "0042",
    "n": 7,
    "zero": 0,
    "neg": -3,
    "f": 2.5,
    "big": 1e20,
    "huge": 9007199254740993,
    "yes": True,
    "no": False,
    "nothing": None,
    "xs": [3, 1, 2],
    "words": ["b", "A", "c", "a"],
    "mixed": [1, "a", None, True, 2.5, [1, 2], {"k": "v"}],
    "d": {"b": 1, "a": 2, "C": [1, 2], "items": "mine", "none": None},
    "nested": {"a": {"b": {"c": [10, 20, 30]}}},
    "people": [
        {"name": "Ada", "age": 36, "tags": ["x", "y"]},
        {"name": "bob", "age": 25, "tags": []},
        {"name": "Cy", "age": 36, "city": "Rom"},
    ],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi\nthere"},
        {"role": "assistant", "content": " Hello! ", "tool_calls": []},
        {"role": "user", "content": [{"type": "text", "text": "look"}]},
    ],
    "schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Größe <5 & \"x\"\n\t\u0001\u007f\u2028😀"}},
        "required": ["city"],
        "nested": [[], {}, [1, [2.0, -0.0]], None, True, 1e-7, 1e16, 123456789.123],
    },
}

# Each line is one expression, printed.
EXPRESSIONS = r"""
s
empty
n
f
big
huge
yes
nothing
xs
mixed
d
people
u
[u, s, "it's", 'say "hi"', "both ' and \"", "tab\tnl\nnul\0\x7f\u200b\U0001F600\\"]
undefined_thing
[undefined_thing]
(1,)
()
(1, 2)
1, 2
{}
[]
{1: 'a', 'b': [1], 2.5: none, true: 3}
{'a': 1, 'b': 2, 'a': 3}
'a' 'b' "c"
'\x41\u0042\U00000043\103\7\t\\\'\"\a\b\f\v\q'
'line\
continued'
'ä\é'
"\u00e9\ud"
42
1_000_000
0x_ff
0b101
0o17
00
1e3
1.5e-7
1_0.2_5
.5
1.
-1
- 1
+1
-n
--n
+yes
-yes
-f
not s
not not s
not empty and s
1 + 2 * 3 - 4 / 2
7 // 2
-7 // 2
7 // -2
7 % 3
-7 % 3
7 % -3
7.5 // 2
-7.5 // 2
-7.5 % 2
7.5 % -2
0.0 // 3
-0.0 // 3
1 // 0
1 / 0
1 % 0
1.0 / 0
1.0 // 0
1.0 % 0.0
2 ** 10
2 ** -1
2 ** 3 ** 2
-2 ** 2
2.0 ** 0.5
(-8) ** (1/3) is number
0 ** 0
0 ** -1
2 ** 0.5
10 ** 18
9223372036854775807
yes + yes
yes * 3
1 / 3
10 / 2
4 / 2 * 1.0
huge / 1
huge + 0.0
1e16
1e15
123456789012345678.0
0.1 + 0.2
1e-5
0.0001
1.0
100.0
1e22
1e300 * 1e300
-1e300 * 1e300
(1e300 * 1e300) - (1e300 * 1e300)
3.14159
2.0 == 2
s + '!'
s + n
n + s
s * 2
2 * 'ab'
'ab' * -1
[1] * 2
[1] + [2]
[1] + (2,)
(1,) + (2,)
s - 1
s / 2
xs + 1
none + 1
undefined_thing + 1
1 + undefined_thing
'a' + undefined_thing
-undefined_thing
-s
s ~ n ~ none ~ undefined_thing ~ f ~ xs
1 ~ 2 + 3
1 + 2 ~ 3
n ~ -1
s == 'Hello, World'
s != 'x'
1 == 1.0
1 == true
0 == false
'1' == 1
none == false
none == none
[1, 2] == [1, 2]
[1, 2] == (1, 2)
[1, [2, 3]] == [1.0, [2, 3]]
{'a': 1, 'b': 2} == {'b': 2, 'a': 1}
{'a': 1} == {'a': 2}
undefined_thing == undefined_thing
undefined_thing == other_undefined
undefined_thing == none
undefined_thing == ''
undefined_thing != 1
1 < 2 < 3
1 < 3 < 2
1 < 2 > 1
3 >= 3 != 4
1 < 2.5
huge < 9007199254740992.0
huge == 9007199254740992.0
huge > 9007199254740992.0
'a' < 'b'
'Z' < 'a'
'é' > 'z'
[1, 2] < [1, 3]
[1, 2] < [1, 2, 0]
(1, 'a') < (1, 'b')
[] < [0]
1 < 'a'
'a' < 1
none < 1
none < none
[1] < (1,)
undefined_thing < 1
1 > undefined_thing
{} < {}
true < 2
1 in xs
9 in xs
9 not in xs
not 9 in xs
'World' in s
'world' in s
'' in s
1 in s
none in s
undefined_thing in s
'a' in d
'items' in d
1 in {1.0: 'x'}
[1] in xs
[1] in d
[1, 2] in mixed
'k' in mixed
1 in 5
1 in none
1 in undefined_thing
2 in range(5)
2.0 in range(5)
7 in range(0, 10, 2)
'b' in d.keys()
1 in d.values()
('b', 1) in d.items()
s and n
empty and n
s or n
empty or n
empty or none or 0
undefined_thing or 'x'
none and undefined_thing.foo
not undefined_thing
s if yes else n
s if no else n
s if no
(s if no) is defined
'a' if no else 'b' if no else 'c'
'a' if (yes if no else no) else 'b'
1 if yes else 1 / 0
[1 if yes else 2, 3]
d.a
d['a']
d.b
d.missing
d['missing']
d.missing.deeper
d['missing']['deeper']
d.items
d['items']
d.items()
d.keys()
d.values()
d.items() | list
d.keys() | list | sort
d.get('a')
d.get('zzz')
d.get('zzz', 5)
d.get([])
d.get()
d.get('a', 1, 2)
d.copy()
d.none
nested.a.b.c
nested.a.b.c[1]
nested['a']['b'].c.0
nested.a.b.c[-1]
nested.a.b.c[9]
nested.a.b.c['x']
nested.a.b.c.x
nested.a.b.c[1.0]
nested.a.b.c[none]
nested.a.b.c[yes]
none.foo
none['foo']
(5).foo
5['a']
s.foo
s[0]
s[-1]
s[99]
s['upper']()
s['nope']
u[0]
u[2]
u[6]
u[7]
u[-1]
u[-20]
xs[0]
xs[-3]
xs[-4]
xs[3]
xs[1:]
xs[:1]
xs[:-1]
xs[-2:]
xs[::2]
xs[::-1]
xs[5:]
xs[2:1]
xs[-100:100]
xs[::0]
xs['a':]
xs[1.0:]
xs[none:none]
xs[true:]
s[1:4]
s[::-1]
s[-5:]
s[:-7]
s[::3]
s[10:2:-2]
u[2:7]
u[::-1]
u[6:]
u[:6]
u[-3:]
u[100:]
(1, 2, 3)[1:]
(1, 2, 3)[::-1]
range(5)
range(5)[1:3]
range(5)[::2]
range(10)[-1]
range(2, 8, 3) | list
range(5, 0, -2) | list
range(0) | list
range(3)[7]
range(1, 10, 0)
range(100001)
range(100000) | length
range('a')
range()
range(1, 2, 3, 4)
d[1:2]
undefined_thing[0]
undefined_thing.x
undefined_thing[1:]
undefined_thing()
undefined_thing.foo()
none()
s()
5()
d()
d[[]]
d[{}]
s.upper()
s.lower()
s.title()
"they're bill's friends-here".title()
s.capitalize()
'ÉCOLE straße ŉ ǆ ﬁ'.capitalize()
'straße ŉ ǰ ﬁ ᾳ ἐ'.upper()
'ὈΔΥΣΣΕΎΣ ΑΣ Σ ΑΣ. Σ᾽'.lower()
'İSTANBUL'.lower()
'ǆ ǅ ß ﬁ ᾳ'.title()
'ab cd'.title() ~ 'x1y2'.title()
ws.strip()
ws.lstrip()
ws.rstrip()
'xxhixx'.strip('x')
'xyhiyx'.lstrip('xy')
'abc'.rstrip('cb')
'äöhiöä'.strip('äö')
'  a '.strip(none)
s.strip(5)
s.split()
' a  b\tc\u2003d '.split()
'a,b,,c'.split(',')
'a,b,,c'.split(',', 1)
'a b  c'.split(none, 1)
' a b  c '.split(maxsplit=1)
'a--b--c'.split('--', maxsplit=1)
s.split('')
'a,b,c'.rsplit(',', 1)
' a b  c '.rsplit(none, 1)
'a b'.rsplit()
''.split()
''.split(',')
lines.splitlines()
lines.splitlines(true)
'a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\r\nh'.splitlines()
s.partition(', ')
s.partition('zz')
s.rpartition('o')
s.rpartition('zz')
s.startswith('Hello')
s.startswith(('x', 'He'))
s.startswith(['He'])
s.startswith('World', 7)
s.startswith('', 99)
s.endswith('World')
s.endswith('Hello', 0, 5)
s.endswith(undefined_thing)
s.startswith()
s.find('o')
s.find('o', 5)
s.find('zz')
s.rfind('o')
s.rfind('o', 0, 5)
u.find('λ')
u.find('👋')
s.index('W')
s.index('zz')
s.rindex('o')
s.count('o')
s.count('o', 5)
s.count('')
'aaaa'.count('aa')
s.replace('o', '0')
s.replace('o', '0', 1)
s.replace('', '-')
'ab'.replace('', '-', 2)
s.replace('o', 0)
s.replace(old='o', new='x')
s.removeprefix('Hello')
s.removesuffix('World')
s.removeprefix('x')
', '.join(words)
', '.join('abc')
', '.join(mixed)
', '.join(d)
', '.join([])
''.join(undefined_thing)
s.center(20)
s.center(21, '*')
'ab'.center(5, '*')
'abc'.center(6, '*')
s.ljust(15) ~ '|'
s.rjust(15, '.')
'42'.zfill(5)
'-42'.zfill(5)
'+4'.zfill(1)
s.isalpha()
'abc'.isalpha()
'é中'.isalpha()
'a1'.isalnum()
''.isalnum()
digits.isdigit()
'²'.isdigit()
'½'.isdigit()
'٣'.isdigit()
'²'.isdecimal()
'٣'.isdecimal()
'abc'.islower()
'aBc'.islower()
'ABC1'.isupper()
'1'.isupper()
' \t\u2003'.isspace()
''.isspace()
'abc'.isascii()
'é'.isascii()
''.isascii()
'a\n'.isprintable()
'é'.isprintable()
'{} and {}'.format(1, 'x')
'{1}{0}{1}'.format('a', 'b')
'{a} {b.x} {c[0]} {d[k]}'.format(a=1, b={'x': 2}, c=[3], d={'k': 4})
'{{}} {}'.format(none)
'{}'.format()
'{'.format(1)
'{} {0}'.format(1)
'%s and %d' % ('x', 5)
'%5s|%-5s|%05d|%+d|% d' % ('a', 'b', 42, 7, 8)
'%.2f %e %g %G' % (3.14159, 12345.678, 0.0001, 1e20)
'%x %X %o %#x %#o' % (255, 255, 8, 255, 8)
'%5.1f|%-8.3f|%08.2f' % (2.25, 2.5, -3.14159)
'%s' % none
'%s' % undefined_thing
'%s %s' % 'a'
'%s' % ('a', 'b')
'%d' % 'a'
'%d' % 3.99
'%(a)s-%(b)03d' % {'a': 1, 'b': 2}
'%(zz)s' % {'a': 1}
'%%' % ()
'%s' % [1, 2]
'%s%%' % 5
'%r' % 'x'
'%c' % 'x'
'%.3s|' % 'abcdef'
'%*d' % (5, 42)
'plain' % []
'plain' % 5
'%' % 5
xs.index(1)
xs.index(9)
xs.count(1)
xs.copy()
xs.append(4)
xs.append
xs.pop()
xs.sort()
d.update({'x': 1})
d.pop('a')
d.clear
d.setdefault('x', 1)
s.__class__
s.__class__.__mro__
xs.__len__
d.__class__
d['__class__']
(1, 2).count(1)
(1, 2).index(2)
s | upper
s | lower
s | title
"they're bill's friends-here (and) [there]" | title
'straße ŉame' | title
s | capitalize
n | upper
none | lower
undefined_thing | upper
ws | trim
'xxaxx' | trim('x')
n | trim
s | length
u | length
xs | length
d | length
n | length
none | length
undefined_thing | length
xs | map('string') | length
xs | count
s | replace('o', '0')
s | replace('o', '0', 1)
n | replace(7, 8)
s | replace('o', none)
s | reverse
u | reverse
xs | reverse | list
d | reverse | list
none | reverse
undefined_thing | reverse | list
xs | map('string') | reverse
xs | first
xs | last
empty | first
[] | first
[] | first is defined
[] | last
s | first
u | last
d | first
d | last
n | first
xs | map('string') | first
xs | map('string') | last
(1, 2) | last
range(3) | last
xs | join
xs | join(', ')
xs | join(', ') | upper
people | join(', ', attribute='name')
people | join('-', 'age')
words | join(1)
mixed | join('|')
undefined_thing | join('x')
d | join(',')
s | join('-')
n | join
xs | sort
xs | sort(reverse=true)
words | sort
words | sort(case_sensitive=true)
words | sort(true)
mixed | sort
people | sort(attribute='age') | map(attribute='name') | list
people | sort(attribute='age,name', reverse=true) | map(attribute='name') | list
people | sort(attribute='city')
d | sort
s | sort | join
words | unique | list
[1, 1.0, true, 2] | unique | list
people | unique(attribute='age') | map(attribute='name') | list
words | unique(true) | list
mixed | unique | list
xs | min
xs | max
words | min
words | max
words | max(case_sensitive=true)
people | max(attribute='age')
[] | min
[] | max is defined
mixed | max
xs | sum
people | sum(attribute='age')
xs | sum(start=10)
[[1], [2]] | sum(start=[])
words | sum
[1.5, 2] | sum
[] | sum
d | items | list
undefined_thing | items | list
xs | items | list
d | dictsort
d | dictsort(true)
{'b': 1, 'a': 3} | dictsort(by='value')
{'b': 1, 'a': 3} | dictsort(false, 'value', true)
d | dictsort(by='x')
d | list
s | list
xs | list
none | list
n | list
(1, 2) | list
xs | batch(2) | list
xs | batch(2, 'x') | list
xs | batch(0) | list
xs | slice(2) | list
xs | slice(2, 'x') | list
range(10) | slice(3) | list
'5' | int
' 5 ' | int
'5.9' | int
'1e3' | int
'abc' | int
'abc' | int(7)
'abc' | int(default=none)
'ff' | int(base=16)
'0xff' | int(base=16)
'0b11' | int(0, 2)
'1_000' | int
'1__0' | int
'-5' | int
'+5' | int
'- 5' | int
'' | int
'inf' | int
'nan' | int
5.9 | int
-5.9 | int
yes | int
none | int
xs | int
undefined_thing | int
'5.5' | float
'abc' | float
'abc' | float(1.5)
'inf' | float
'-Infinity' | float
'nan' | float
'1_0.5' | float
'.5' | float
'5.' | float
'0x10' | float
none | float
7 | float
undefined_thing | float
42.55 | round
42.55 | round(1)
42.55 | round(1, 'floor')
42.45 | round(1, 'ceil')
2.5 | round
3.5 | round
-2.5 | round
2.675 | round(2)
5 | round
5 | round(1)
5 | round(1, 'floor')
yes | round
'a' | round
42.55 | round(1, 'x')
1e300 | round(2)
-5 | abs
-5.5 | abs
yes | abs
's' | abs
n | string
n | string | length
s | string
none | string
undefined_thing | string
xs | string
undefined_thing | default
undefined_thing | default('x')
undefined_thing | d(5)
none | default('x')
none | default('x', true)
empty | default('x')
empty | default('x', true)
empty | default('x', boolean=true)
n | default('x')
d.zzz | default('q') | upper
undefined_thing.x | default('q')
schema | tojson
schema | tojson(indent=2)
schema | tojson(indent=4)
schema | tojson(indent=0)
schema | tojson(indent='--')
schema | tojson(ensure_ascii=true)
schema | tojson(true)
schema | tojson(false, 2)
schema | tojson(sort_keys=true)
schema | tojson(separators=(',', ':'))
schema | tojson(indent=1, separators=(';', '='))
'<b>"x"</b>' | tojson
none | tojson
u | tojson
f | tojson
yes | tojson
(1, 2) | tojson
{1: 2, none: 3, true: 4, 1.5: 5} | tojson
{(1, 2): 3} | tojson
undefined_thing | tojson
d.items() | tojson
range(3) | tojson
xs | map('string') | tojson
xs | map('string') | list | tojson
(1e300 * 1e300) | tojson
((1e300 * 1e300) - (1e300 * 1e300)) | tojson
1e16 | tojson
[] | tojson(indent=2)
{'a': [], 'b': {}} | tojson(indent=2)
namespace(a=1) | tojson
'\ud83d' | tojson
{'b': 1, 'a': {'d': 1, 'c': 2}} | tojson(sort_keys=true)
{1: 1, 'a': 2} | tojson(sort_keys=true)
xs | map('string') | list
words | map('upper') | join
words | map('replace', 'b', 'X') | list
people | map(attribute='name') | list
people | map(attribute='city') | list
people | map(attribute='city', default='?') | list
people | map(attribute='tags.0') | list
people | map(attribute='tags.0', default=0) | list
people | map('attr', 'name') | list
people | map('length') | list
[[1, 2], [3]] | map('first') | list
[[1, 2], [3]] | map(attribute=0) | list
[' a ', 'b '] | map('trim') | list
xs | map | list
xs | map('nope') is defined
n | map('string') is defined
n | map('string') | list
none | map('string') | list
undefined_thing | map('string') | list
empty | map('upper') | list
'ab' | map('upper') | list
xs | map('string')
xs | select('odd') | list
xs | reject('odd') | list
xs | select | list
[0, 1, none, '', 'x'] | select | list
[0, 1, none, '', 'x'] | reject | list
xs | select('greaterthan', 1) | list
xs | select('>', 1) | list
xs | select('in', [1, 2]) | list
words | select('equalto', 'b') | list
words | reject('==', 'b') | list
mixed | select('string') | list
mixed | select('number') | list
mixed | reject('none') | list
messages | selectattr('role', 'equalto', 'user') | list | length
messages | selectattr('role', '==', 'user') | map(attribute='content') | list
messages | rejectattr('role', 'equalto', 'user') | map(attribute='role') | join(',')
messages | selectattr('role', 'in', ['user', 'system']) | list | length
messages | selectattr('tool_calls') | list
messages | selectattr('tool_calls', 'defined') | list | length
messages | rejectattr('tool_calls', 'defined') | list | length
messages | selectattr('content', 'string') | list | length
messages | selectattr | list
messages | selectattr('role') | first
messages | selectattr('role', 'equalto', 'nope') | first is defined
(messages | selectattr('role', 'equalto', 'nope')) is defined
'yes' if messages | selectattr('role', 'equalto', 'nope') else 'no'
'yes' if messages | selectattr('role', 'equalto', 'nope') | list else 'no'
people | selectattr('age', 'gt', 30) | map(attribute='name') | list
people | selectattr('tags.0', 'defined') | map(attribute='name') | list
xs | selectattr('foo') | list
s | attr('upper')
s | attr('nope')
d | attr('a')
d | attr('items') is callable
s | indent
lines | indent
lines | indent(2)
lines | indent(2, true)
lines | indent(2, true, true)
lines | indent(width='> ', first=true)
'' | indent(2, true)
'a\nb' | indent(blank=true)
'a\n' | indent
n | indent
undefined_thing | indent
s | center(20) ~ '|'
s | truncate(5)
s | truncate(8)
s | truncate(8, true)
s | truncate(8, false, '…')
s | truncate(8, false, '...', 0)
'foo bar baz qux' | truncate(9)
'foo bar baz qux' | truncate(11, false, '...', 0)
s | truncate(2)
'a b_c d-e 1 é' | wordcount
s | wordcount
'%s %s' | format('a', 1)
'%(a)s' | format(a=5)
'%s' | format
'%s' | format('a', x=1)
html | e
html | escape
n | e
html | e | e
html | safe
html | safe | safe
(html | safe) ~ html
(html | safe) + html
html + (html | safe)
html | e ~ html
(html | safe) | length
(html | safe) | string
(html | safe) == html
(html | safe) is string
[html | safe]
html | safe | tojson
html | forceescape
n is defined
zzz is defined
zzz is undefined
zzz is not defined
d.zzz is defined
d.a is defined
not d.zzz is defined
nothing is none
nothing is not none
zzz is none
s is string
n is string
none is string
zzz is string
n is number
f is number
yes is number
s is number
n is integer
yes is integer
f is integer
f is float
n is float
yes is boolean
n is boolean
yes is true
yes is false
n is true
1 is true
no is false
zzz is false
none is false
d is mapping
xs is mapping
zzz is mapping
d is iterable
xs is iterable
s is iterable
n is iterable
none is iterable
zzz is iterable
d.items() is iterable
xs | map('string') is iterable
(xs | map('string')) is iterable
d is sequence
xs is sequence
s is sequence
(1, 2) is sequence
range(3) is sequence
n is sequence
zzz is sequence
d.keys() is sequence
(xs | map('string')) is sequence
range is callable
d.items is callable
s is callable
zzz is callable
namespace(a=1) is mapping
namespace(a=1) is iterable
namespace is callable
n is odd
n is even
8 is even
-3 is odd
2.0 is even
's' is odd
n is divisibleby 7
n is divisibleby(2)
n is divisibleby 0
n is eq 7
n is equalto 7
n is ne 7
n is gt 5
n is greaterthan(5)
n is ge 7
n is lt 5
n is lessthan 8
n is le 7
n is in [7, 8]
n is not in [7, 8]
'a' is in 'abc'
n is in(xs)
s is lower
'abc' is lower
'ABC' is upper
n is lower
'é' is lower
nothing is sameas none
yes is sameas true
n is sameas true
1 is sameas true
'upper' is filter
'nope' is filter
'odd' is test
'nope' is test
html is escaped
(html | e) is escaped
n is defined and n is odd
n is defined and not n is even
n is odd if yes else 3
n is string or s is string
n is not string and s is string
n + 1 is even
-n is odd
n is odd is true
xs | length is even
xs | length == 3 is true
dict(a=1, b=2)
dict({'a': 1}, b=2)
dict([('a', 1), ('b', 2)])
dict(xs)
dict()
dict(a=1).a
dict(1)
namespace()
namespace(a=1, b='x')
namespace({'a': 1}, b=2)
namespace(a=1).a
namespace(a=1)['a']
namespace(a=1).b
namespace(_a=1)
namespace(a=1) == namespace(a=1)
range
dict
raise_exception('no: ' ~ n)
raise_exception()
raise_exception(none)
strftime_now is defined
strftime_now('plain')
strftime_now('')
strftime_now('%%')
cycler()
loop is defined
caller is defined
x.y.z
d.items()[0]
(d.items() | list)[0]
(d.items() | list)[0][1]
d.values() | sum
d.keys() | first
d.keys() | last
d.items() | last
d.items() | length
d.values()
d.items() | map('first') | list
[x, y]
{'a': undefined_thing}
{[1]: 2}
{(1, 2): 3}
{(1, [2]): 3}
{none: 1}[none]
{1: 'int'}[1.0]
{1: 'int'}[true]
{'1': 'str'}[1]
d | tojson | length
'a' ~ ('b' if yes)
'a' ~ ('b' if no)
messages[0].role
messages[0]['role']
messages[-1]['content'][0]['text']
messages[1:][0].content
messages[::-1][0].role
messages | map(attribute='role') | join(', ')
messages | last
messages[0].content | trim
(messages | last).role
messages.role
messages['role']
messages[0].missing is defined and messages[0].missing is not none
'tool_calls' in messages[2]
'content' in messages[0] and messages[0]['content'] is string
messages[3].content is string
messages[3].content is iterable
messages[3].content is not string and messages[3].content is iterable
messages | length - 1
messages[messages | length - 1].role
s.split(',')[0].rstrip('o').split('H')[-1].lstrip('e')
"a" in ["a", "b"] and not "c" in ["a"]
not (n > 5 and n < 10)
(n, s)[1]
[n, s][0]
{'a': {'b': 1}}.a.b
{'a': 1}['a']
"x"|upper~"y"|lower
"x" ~ "y" | upper
-5 | abs
(-5) | abs
2 * 3 | string
'a' + 'b' | upper
('a' + 'b') | upper
n if n else 0 | string
not n | string
n == 7 | string
foo|default('x') ~ 'y'
[1, 2, 3,]
(1, 2,)
{'a': 1,}
range(3,)|list
dict(a=1,)
[*xs]
s.upper ()
s . upper()
d . a
d [ 'a' ]
s | upper()
s|  upper  
range(*[1, 4]) | list
dict(**{'a': 1})
range(*[1], 4) | list
dict(a=1, **{'a': 2})
dict(a=1, a=2)
s.upper(1)
s.split(foo=1)
s | upper(1)
s | replace
xs | join(foo=1)
xs | join('a', 'b', 'c')
n is odd(1)
n is divisibleby
s |
| s
s s
1 2
(1
1)
[1
{1: 2
{1}
{'a' 1}
s.
s[
s[]
s[1:2:3:4]
'abc
"abc
a = 1
1 ! 2
a $ b
a ? b
a && b
a || b
a; b
if
if if if
not
is
in
1 in
1 not
x is
x is not
x is nope
x is is
x | nope
lambda
a.b.c.d is defined
None
True
False
none is None
true and True
nonE
_
__x
ünïcode
é.ñ
""" + "\n" + "12abc\n1.foo\n1.5.foo\nxs.0\nxs.0.1\nxs.-1\ns.0\n"

# Whole templates: statements and white space.
TEMPLATES = [
    "",
    "plain",
    "plain\n",
    "plain\n\n",
    "a\r\nb\rc\n",
    "{{ s }}\n",
    "{{ s }}\n\n",
    "a {{- s -}} b",
    "a \n {{- s -}} \n b",
    "a\n  {{ s }}\n  b",
    "a\n  {{+ s }}\n",
    "{{-1}}",
    "{{ -1 }}",
    "{{+1}}",
    "{%- if yes -%} x {%- endif -%}",
    "a\n  {% if yes %}\n  b\n  {% endif %}\nc",
    "a\n  {%+ if yes %}\n  b\n  {%+ endif %}\nc",
    "a\n  {%- if yes %}\n  b\n  {%- endif %}\nc",
    "a\n  {% if yes -%}\n  b\n  {% endif -%}\n c",
    "a\n  {% if yes +%}\n  b\n  {% endif +%}\nc",
    "a {% if yes %} b {% endif %} c",
    "  {% if yes %}x{% endif %}",
    "\t{% if yes %}x{% endif %}\n\n  {% if yes %}y{% endif %}",
    "x{% if yes %}\n\n{% endif %}",
    "x  {% if yes %}y{% endif %}",
    "{% if yes %}   {% if yes %}z{% endif %}{% endif %}",
    "{% if yes %}\n   {% if yes %}z{% endif %}{% endif %}",
    "{{ s }}   {% if yes %}z{% endif %}",
    "{{ s }}\n   {% if yes %}z{% endif %}",
    "{{ s -}}\n   {% if yes %}z{% endif %}",
    "\u00a0{% if yes %}z{% endif %}",
    "a\u3000\n{%- if yes -%}\u2003z{% endif %}",
    "{# comment #}x",
    "a\n  {# comment #}\nb",
    "a\n  {#+ comment #}\nb",
    "a\n  {#- comment -#}\n  b",
    "a {# comment +#}\nb",
    "a{#-#}b",
    "a {#--#} b",
    "a {##} b",
    "{# unfinished",
    "{# nested {# #} x",
    "{# {{ s }} {% if %} #}",
    "{% raw %}{{ s }} {% if %}{% endraw %}",
    "a\n  {% raw %}\n {{ x }}\n  {% endraw %}\nb",
    "a\n  {%- raw -%}\n {{ x }}\n  {%- endraw -%}\nb",
    "{% raw %}x",
    "{%raw%}{%  endraw  %}",
    "{% raw %}{% endraw +%}\nx",
    "{{ '{{' }}{{ '}}' }}{{ '{%' }}{{ \"%}\" }}",
    "{{ {'a': {'b': 1}}}}",
    "{{ {'a': {'b': 1} }['a'] }}",
    "{{ [1, 2][0]}}",
    "{ { } } {a} %} }} #}",
    "{ {% if yes %}x{% endif %}",
    "{{ s",
    "{% if",
    "{{ s }",
    "{{ s %}",
    "{% if yes }}",
    "{{ ( }}",
    "{{ ) }}",
    "{{ (] }}",
    "{{ }}",
    "{{}}",
    "{% %}",
    "{%%}",
    "{% 5 %}",
    "{% nope %}",
    "{% if yes %}",
    "{% if yes %}{% endfor %}",
    "{% endif %}",
    "{% else %}",
    "{% if %}x{% endif %}",
    "{% if yes no %}x{% endif %}",
    "{% if yes: %}x{% endif %}",
    "{% if no %}a{% elif n == 7 %}b{% else %}c{% endif %}",
    "{% if no %}a{% elif no %}b{% else %}c{% endif %}",
    "{% if no %}a{% elif yes %}b{% endif %}",
    "{% if yes %}a{% else %}b{% else %}c{% endif %}",
    "{% if no %}a{% else if yes %}c{% endif %}",
    "{% if 1, 2 %}tuple{% endif %}",
    "{% if not no and not empty %}x{% endif %}",
    "{% if undefined_thing %}a{% else %}b{% endif %}",
    "{% if undefined_thing.x %}a{% endif %}",
    "{% for x in xs %}{{ x }}{% endfor %}",
    "{% for x in xs %}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for x in xs -%}\n  {{ x }}\n{%- endfor %}",
    "{% for x in xs %}\n{{ x }}\n{% endfor %}",
    "{% for x in [] %}a{% else %}none{% endfor %}",
    "{% for x in xs %}a{% else %}none{% endfor %}",
    "{% for x in undefined_thing %}a{% else %}none{% endfor %}",
    "{% for x in none %}a{% endfor %}",
    "{% for x in 5 %}a{% endfor %}",
    "{% for c in u %}[{{ c }}]{% endfor %}",
    "{% for k in d %}{{ k }}={{ d[k] }};{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | items %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for (k, v) in d.items() %}{{ k }}{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}",
    "{% for a, b in xs %}{{ a }}{% endfor %}",
    "{% for a, in [(1,)] %}{{ a }}{% endfor %}",
    "{% for a, b in ['xy'] %}{{ a }}-{{ b }}{% endfor %}",
    "{% for x in 1, 2, 3 %}{{ x }}{% endfor %}",
    "{% for x in xs if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% endfor %}",
    "{% for x in xs if x > 5 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in xs if x > 1 if yes else no %}{{ x }}{% endfor %}",
    "{% for x in xs if loop %}{{ x }}{% endfor %}",
    "{% for x in xs %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}"
    "{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for x in xs %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}",
    "{% for x in xs %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }};{% endfor %}",
    "{% for x in xs %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in xs %}{{ loop.cycle() }}{% endfor %}",
    "{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }}{% endfor %}",
    "{% for x in [1, 1, 2] %}{% if loop.changed(x, 'k') %}{{ x }}{% endif %}{% endfor %}",
    "{% for x in xs %}{{ loop }}{% endfor %}",
    "{% for x in xs %}{{ loop.nope is defined }}{% endfor %}",
    "{% for x in xs %}{{ loop['index'] }}{% endfor %}",
    "{% for x in xs | map('string') %}{{ loop.length }}{{ loop.last }}{{ x }}{% endfor %}",
    "{% for x in xs | map('string') %}{{ x }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }} {% endfor %}",
    "{% for x in xs %}{{ loop|length }}{% endfor %}",
    "{% for x in xs %}{% for y in 'ab' %}{{ loop.index }}{{ y }}{% endfor %}{{ loop.index }};{% endfor %}",
    "{% for x in xs %}{% set outer = loop %}{% for y in 'ab' %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% for x in xs %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in xs %}{% break %}{% else %}else{% endfor %}",
    "{% for x in xs %}{% continue %}{% else %}else{% endfor %}",
    "{% for x in xs %}{% if loop.last %}{% break %}{% endif %}{% else %}else{% endfor %}",
    "{% for x in xs %}{% for y in xs %}{% break %}{% endfor %}{{ x }}{% endfor %}",
    "{% break %}",
    "{% for x in xs %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
    "{% for x in xs %}{% else %}{% break %}{% endfor %}",
    "{% for y in xs %}{% for x in [] %}{% else %}{% break %}{% endfor %}{{ y }}{% endfor %}",
    "{% for x in xs %}{% set y = x %}{% endfor %}{{ y }}",
    "{% set y = 0 %}{% for x in xs %}{% set y = y + x %}{{ y }} {% endfor %}{{ y }}",
    "{% set ns = namespace(y=0) %}{% for x in xs %}{% set ns.y = ns.y + x %}{% endfor %}{{ ns.y }}",
    "{% for x in xs %}{{ x }}{% endfor %}{{ x }}",
    "{% set x = 'o' %}{% for x in xs %}{{ x }}{% endfor %}{{ x }}",
    "{% for x in xs %}{% if loop.first %}{% set z = 5 %}{% endif %}{{ z }}|{% endfor %}",
    "{% for x in xs %}{{ s }}{% set s = x %}{{ s }}|{% endfor %}{{ s }}",
    "{% for x in xs %}{% if x == 1 %}{% set s = 'set' %}{% endif %}{{ s }}|{% endfor %}",
    "{% for m in messages %}{% if loop.index0 == 0 and m.role == 'system' %}{% set sys = m.content %}{% endif %}{% endfor %}{{ sys is defined }}",
    "{% for loop in xs %}{% endfor %}",
    "{% for x in xs %}{% set loop = 1 %}{% endfor %}",
    "{% set loop = 1 %}{{ loop }}",
    "{% for true in xs %}{% endfor %}",
    "{% for 5 in xs %}{% endfor %}",
    "{% for x.y in xs %}{% endfor %}",
    "{% for x on xs %}{% endfor %}",
    "{% for x in %}{% endfor %}",
    "{% for x in xs %}",
    "{% for item in tree recursive %}{% endfor %}",
    "{% for x in [1, [2, [3]], 4] recursive %}{% if x is iterable %}[{{ loop(x) }}]{% else %}{{ loop.depth }}:{{ x }} {% endif %}{% endfor %}",
    "{% for x in [[]] recursive %}{{ loop(x) }}{% else %}empty{% endfor %}",
    "{% for x in xs %}{{ loop(xs) }}{% endfor %}",
    "{% for x in xs recursive %}{{ loop([]) }}{{ x }}{% endfor %}",
    "{% set x = 5 %}{{ x }}",
    "{% set x = 1, 2 %}{{ x }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set a, b = b, a %}{{ a }}",
    "{% set (a, b) = 'xy' %}{{ a }}{{ b }}",
    "{% set a, b = 1 %}",
    "{% set a, b = [1, 2, 3] %}",
    "{% set x = %}",
    "{% set 5 = 1 %}",
    "{% set none = 1 %}",
    "{% set x.y = 1 %}",
    "{% set d.a = 1 %}",
    "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a }}{{ ns.b }}",
    "{% set ns = namespace(a=1) %}{% set ns.a = ns.a + 1 %}{{ ns.a }}{{ ns }}",
    "{% set ns = namespace() %}{% set ns._x = 1 %}",
    "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns.x.x is defined }}",
    "{% set ns = namespace() %}{% set ns['a'] = 1 %}",
    "{% set ns = namespace(a=[]) %}{% set ns.a = ns.a + [1] %}{% set ns.a = ns.a + [2] %}{{ ns.a }}",
    "{% set ns = namespace(x=1) %}{% set ns2 = ns %}{% set ns2.x = 5 %}{{ ns.x }}",
    "{% set x %}block {{ s }}{% endset %}{{ x }}|{{ x is string }}",
    "{% set x | upper %}block {{ s }}{% endset %}{{ x }}",
    "{% set x | replace('o', '0') | upper %}foo{% set o = 5 %}{% endset %}{{ x }}{{ o }}",
    "{% set ns = namespace() %}{% set ns.x %}abc{% endset %}{{ ns.x }}",
    "{% set x %}{% for i in xs %}{{ i }}{% endfor %}{% endset %}{{ x | length }}",
    "{% for i in xs %}{% set x %}{% if i == 1 %}{% break %}{% endif %}{% endset %}{{ i }}{% endfor %}",
    "{% set x %}\n  a\n{% endset %}[{{ x }}]",
    "{% set x %}abc",
    "{% set x = x %}{{ x }}",
    "{% set s = s ~ '!' %}{{ s }}",
    "{% if yes %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% if no %}{% set x = 1 %}{% endif %}{{ x is defined }}",
    "{% if no %}{% set s = 1 %}{% endif %}{{ s }}",
    "{% if not tools is defined %}{% set tools = none %}{% endif %}{{ tools }}",
    "{% set messages = messages[1:] %}{{ messages | length }}{{ messages[0].role }}",
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system = false %}{% endif %}{% for m in loop_messages %}{% if loop.index0 == 0 and system != false %}<<{{ system }}>>{% endif %}{{ m.role }} {% endfor %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}",
    "{% for i in xs %}{% with a = i %}{% if a == 1 %}{% break %}{% endif %}{{ a }}{% endwith %}{% endfor %}",
    "{% with a, b = (1, 2) %}{{ b }}{% endwith %}",
    "{% with a %}{% endwith %}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=5, a=4) }} {{ m() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 2) }}",
    "{% macro m(a=b, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}{{ m(b=3) }}",
    "{% macro m(a=1, b) %}{% endmacro %}",
    "{% macro m(a, a) %}{% endmacro %}",
    "{% macro m(a %}{% endmacro %}",
    "{% macro m %}{% endmacro %}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{% endmacro %}{{ m(1, 2, 3) }}{{ m() }}",
    "{% macro m(a) %}{{ kwargs }}{% endmacro %}{{ m(1, b=2) }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}body{% endcall %}",
    "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b=5, c=6) m() %}{{ a }}{{ b }}{{ c }}{% endcall %}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}x{% endmacro %}{% call m() %}body{% endcall %}",
    "{% macro m(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call m('b') %}{% call m('i') %}x{% endcall %}{% endcall %}",
    "{% call 5 %}{% endcall %}",
    "{% call s.upper() %}{% endcall %}",
    "{% macro m() %}{{ s }}{{ late }}{% endmacro %}{% set late = 'L' %}{{ m() }}",
    "{% macro m() %}{% set inner = 1 %}{{ inner }}{% endmacro %}{{ m() }}{{ inner }}",
    "{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 2 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}{{ m() }}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}",
    "{% macro even(n) %}{{ 'e' if n == 0 else odd(n - 1) }}{% endmacro %}{% macro odd(n) %}{{ 'o' if n == 0 else even(n - 1) }}{% endmacro %}{{ even(4) }}{{ odd(4) }}",
    "{% for x in xs %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% for x in xs %}{% macro m(y) %}{{ loop.index }}{{ y }}{% endmacro %}{{ m(x) }}{% endfor %}",
    "{{ m() }}{% macro m() %}x{% endmacro %}",
    "{% macro m() %}x{% endmacro %}{{ m }}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}",
    "{% macro m() %} x {% endmacro %}[{{ m() }}][{{ m() | trim }}][{{ m() | length }}]",
    "{%- macro m(x) -%}\n  {{- x -}}\n{%- endmacro -%}\n{{ m('a') }}",
    "{% macro m(p) %}{% for k, v in p.items() %}{{ k }}{% if v is mapping %}({{ m(v) }}){% else %}={{ v }}{% endif %}{% if not loop.last %},{% endif %}{% endfor %}{% endmacro %}{{ m({'a': 1, 'b': {'c': 2, 'd': {'e': 3}}}) }}",
    "{% macro m() %}{{ raise_exception('inside') }}{% endmacro %}{{ m() }}",
    "{% macro outer() %}{% macro inner() %}i{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}",
    "{% macro m(x=[]) %}{{ x }}{% endmacro %}{{ m() }}{{ m([1]) }}",
    "{% macro m(a, b, c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(*[1, 2], **{'c': 3}) }}",
    "{% macro m(text) -%}\n{{ text }}\n{%- endmacro %}{{ m('x') }}|",
    "{% filter upper %}abc {{ s }}{% endfilter %}",
    "{% filter replace('a', 'b') | upper %}banana{% endfilter %}",
    "{% filter upper %}{% set q = 1 %}{% endfilter %}{{ q }}",
    "{% filter nope %}{% endfilter %}",
    "{% filter trim %}  x  {% endfilter %}|",
    "{% print s, n %}",
    "{% print s %}",
    "{% generation %}x{% endgeneration %}",
    "{% generation %}{% set q = 1 %}{{ q }}{% endgeneration %}{{ q }}",
    "{% for x in xs %}{% generation %}{{ x }}{% endgeneration %}{% endfor %}",
    "{% for x in xs %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
    "{%- generation -%}  x  {%- endgeneration -%}",
    "{% generation %}x",
    "{% generation %}{{ varargs }}{{ kwargs }}{{ caller is defined }}{% endgeneration %}",
    # A name that a body assigns to before it reads it is its own from the first line on.
    "{% for x in xs %}{{ n }}{% endfor %}{% set n = 1 %}{{ n }}",
    "{{ n }}{% for x in xs %}{{ n }}{% endfor %}{% set n = 1 %}{{ n }}",
    "{% for x in xs %}{% for y in xs %}{{ n }}{% endfor %}{% set n = x %}{% endfor %}{{ n }}",
    "{% set s | upper %}[{{ s }}]{% endset %}{{ s }}",
    "{% macro m() %}{{ s }}{% endmacro %}{{ m() }}{% set s = 1 %}{{ m() }}",
    "{% macro m() %}{{ s }}{% endmacro %}{{ m() }}{% if yes %}{% set s = 1 %}{% endif %}{{ m() }}",
    "{% if no %}{% set s = 1 %}{% elif no %}{% set n = 2 %}{% else %}{% set f = 3 %}{% endif %}{{ s }}{{ n }}{{ f }}",
    "{% with %}{% for x in xs %}{{ s }}{% endfor %}{% set s = 1 %}{% endwith %}{{ s }}",
    "{% filter upper %}{% for x in xs %}{{ s }}{% endfor %}{% set s = 1 %}{% endfilter %}{{ s }}",
    "{% for x in xs %}{% if x == 1 %}{% set s = x %}{% endif %}{% for y in 'a' %}{{ s }}{% endfor %}{% endfor %}",
    "{% for x in [] %}{% else %}{% for y in 'a' %}{{ s }}{% endfor %}{% set s = 1 %}{{ s }}{% endfor %}{{ s }}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}",
    "{% set j = joiner(', ') %}{% for x in xs %}{{ j() }}{{ x }}{% endfor %}",
    "{% set j = joiner() %}{{ j() }}{{ j() }}",
    "{% set x = xs | map('string') %}{{ x | list }}{{ x | list }}",
    "{% set x = xs | map('string') %}{{ x | first }}{{ x | list }}",
    "{% set x = xs | reverse %}{{ x | list }}{{ x | list }}",
    "{% set x = range(3) %}{{ x | list }}{{ x | list }}",
    "{% set x = d.items() %}{{ x | list | length }}{{ x | list | length }}",
    "{{ 1 }}{{ 2 }}\n{{ 3 }}",
    "{{ s }}{# c #}\n{{ n }}",
    "line 1\n{{ 1 / 0 }}",
    "{% set _ = xs.append(5) %}{{ xs }}",
    "{% do xs.append(1) %}",
    "{% if 'a' is filter and s | upper %}x{% else %}y{% endif %}",
    "{{ messages[0]['content'] if messages[0]['role'] == 'system' else 'default' }}",
    "{{- 'a' }}\n{{- 'b' }}\n\n{{- 'c' -}}\n",
    "{%- set x = 'a' -%}\n\n{{- x -}}\n\n",
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n'}}{% endfor %}",
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}",
    "{{ none if no else raise_exception('x') }}",
    "{{ raise_exception('x') if no else 'fine' }}",
    "{% if (messages[0]['role'] == 'user') != (0 % 2 == 0) %}bad{% else %}good{% endif %}",
    "{{ '%s-%s' | format(*xs[:2]) }}",
    "\ufeffbom",
    "{{ s\n}}\n{{\ns }}",
    "{{ 'multi\nline' }}",
    "{{ 'multi\r\nline' }}",
    "{%\nif yes\n%}x{%\nendif\n%}",
    "{{ not_here | default('a') | upper }}{{ not_here is defined }}",
    "{% set x = [] %}{% set x = x + ['a'] %}{{ x }}",
    "{% set content = 'a</think>b' %}{{ content.split('</think>')[-1].lstrip('\\n') }}{{ content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') }}",
]
