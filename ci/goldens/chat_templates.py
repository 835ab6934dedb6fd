"""What Jinja itself, set up as Hugging Face transformers does it, makes of the templates in runtime/src/test.

  python ci/goldens/chat_templates.py runtime/src/test/resources/templates

Needs: pip install jinja2==3.1.6. Writes goldens.json: template × conversation, and snippets one construct each;
"error" where Jinja fails. The templates are written after the published ones (Gemma 3, Llama 3, Qwen 2.5 and 3,
Mistral, ChatML): the same constructs, shorter prose.
"""

import datetime
import json
import pathlib
import sys

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2026, 3, 5, 9, 7, 3)


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


TOOL = {"type": "function", "function": {
    "name": "weather", "description": "The weather of a \"city\" <now> & later", "return": {"type": "string"},
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "items": {"type": "integer"}},
                   "required": ["city"], "strict": True, "min": 0.5, "x": None}}}
CALL = {"id": "abc123", "type": "function", "function": {"name": "weather", "arguments": {"city": "Zürich", "n": 1.0}}}


def m(role, content, **more):
    return {"role": role, "content": content, **more}


CONVERSATIONS = {
    "one": {"messages": [m("user", "Hello")], "add_generation_prompt": True},
    "turns": {"messages": [m("user", "  Hi \n"), m("assistant", " Hello! "), m("user", "How 'are' \"you\"?\n\n✓ 👍")],
              "add_generation_prompt": True},
    "system": {"messages": [m("system", "Be brief. "), m("user", "Hi"), m("assistant", "Yo"), m("user", "So?")],
               "add_generation_prompt": True},
    "no_prompt": {"messages": [m("user", "Hi"), m("assistant", "Yo")], "add_generation_prompt": False},
    "two_users": {"messages": [m("user", "Hi"), m("user", "Hi again")], "add_generation_prompt": True},
    "parts": {"messages": [m("user", [{"type": "image"}, {"type": "text", "text": " What is it? "}])],
              "add_generation_prompt": True},
    "think": {"messages": [m("user", "1+1?"), m("assistant", "<think>\nhm\n</think>\n\n2"), m("user", "sure?"),
                           m("assistant", "<think>\nyes\n</think>\n\nYes")],
              "add_generation_prompt": True, "enable_thinking": False},
    "tools": {"messages": [m("system", "S"), m("user", "Weather?"), m("assistant", "", tool_calls=[CALL]),
                           m("tool", "sunny, 21°"), m("assistant", "Sunny."), m("user", "Thanks")],
              "tools": [TOOL, TOOL], "add_generation_prompt": True},
    "tools_in_system": {"messages": [m("user", "Weather?")], "tools": [TOOL], "tools_in_user_message": False,
                        "add_generation_prompt": True},
    "date": {"messages": [m("user", "Hi")], "date_string": "1 Jan 2025", "add_generation_prompt": False},
}

SNIPPETS = [l for l in r"""
{{ 1 + 2 * 3 - 4 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 7.5 % 2 }} {{ 1 / 4 }}
{{ -2 ** 2 }} {{ 2 ** 3 ** 2 }} {{ 10 - 3 - 2 }} {{ 1e3 }}
{{ 0.1 + 0.2 }} {{ 1.0 }} {{ 100000000000000000.0 }} {{ 0.00001 }} {{ 123456.789 }} {{ 1.5 * 2 }}
{{ 'a' ~ 1 ~ none ~ true ~ 1.5 ~ [1, 'x'] ~ {'k': "v'"} }}
{{ "a" "b" 'c' }} {{ 'it\'s' }} {{ "tab\there" }} {{ 'é\u00e9\x41' }} {{ '\d' }}
{{ [1, 2, 3][0] }} {{ [1, 2, 3][-1] }} {{ [1, 2, 3][5] }} {{ 'abc'[1] }} {{ 'a👍c'[1] }} {{ 'a👍c'|length }}
{{ [1,2,3,4,5][1:3] }} {{ [1,2,3,4,5][::-1] }} {{ [1,2,3,4,5][-2:] }} {{ 'hello'[1:-1] }} {{ 'hello'[::2] }} {{ 'hello'[10:] }} {{ 'abc'[::-2] }} {{ [1,2,3][5:0:-1] }}
{{ 1 == 1.0 }} {{ 'a' == 'a' }} {{ [1] == [1.0] }} {{ true == 1 }} {{ none == false }} {{ {'a': 1} == {'a': 1} }}
{{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 1 != 2 }}
{{ 'b' in 'abc' }} {{ 2 in [1, 2] }} {{ 'k' in {'k': 1} }} {{ 3 not in [1, 2] }} {{ not 1 in [1] }}
{{ true and false or true }} {{ not true }} {{ not not 1 }} {{ 0 or 'x' }} {{ '' and 'x' }} {{ none or [] }}
{{ 'a' if true else 'b' }} {{ 'a' if false }} {{ 'x' if 0 else 'y' if 1 else 'z' }}
{{ x }} {{ x is defined }} {{ x is undefined }} {{ x is not defined }}
{{ x|default('d') }} {{ none|default('d') }} {{ ''|default('d', true) }} {{ none|d('d', boolean=true) }}
{{ x.y }}
{{ x['y'] }}
{{ x + 1 }}
{{ none.y }} {{ 1.5.y }}
{{ {'a': {'b': 2}}.a.b }} {{ {'a': 1}['a'] }} {{ {'a': 1}.b }} {{ {'items': 1}.items is callable }} {{ {'items': 1}['items'] }}
{{ {'a': 1}.get('a') }} {{ {'a': 1}.get('b') }} {{ {'a': 1}.get('b', 'd') }} {{ {'a': 1, 'b': 2}.items()|list }} {{ {'a': 1}.keys()|list }} {{ {'a': 1}.values()|list }}
{{ ' x '|trim }}|{{ 'xxaxx'|trim('x') }}|{{ '\n a \t'|trim }}
{{ 'Hello World'|upper }} {{ 'ABC'|lower }} {{ 'hello world-foo'|title }} {{ 'hELLO'|capitalize }}
{{ [3, 1, 2]|sort }} {{ ['b', 'A', 'c']|sort }} {{ [1, 2]|sort(reverse=true) }} {{ [1, 1, 2]|unique|list }} {{ [1, 2, 3]|reverse|list }} {{ 'abc'|reverse }}
{{ [1, 2, 3]|first }} {{ [1, 2, 3]|last }} {{ []|first }} {{ [1, 2]|join(', ') }} {{ [1, none, 'x']|join }} {{ 'abc'|list }}
{{ [{'n': 'a'}, {'n': 'b'}]|map(attribute='n')|join('-') }} {{ ['a', 'b']|map('upper')|list }} {{ [{'n': 'a'}, {}]|map(attribute='n', default='?')|list }}
{{ [{'r': 'u', 'n': 1}, {'r': 'a', 'n': 2}]|selectattr('r', 'equalto', 'u')|map(attribute='n')|list }} {{ [{'r': 0}, {'r': 1}]|selectattr('r')|list }} {{ [{'r': 0}, {'r': 1}]|rejectattr('r')|list|length }}
{{ [1, 2, 3, 4]|select('odd')|list }} {{ [1, 2, 3, 4]|reject('gt', 2)|list }} {{ [0, 1, '']|select|list }}
{{ [1, 2, 3]|sum }} {{ [1, 5, 3]|max }} {{ [4, 2]|min }} {{ -3|abs }} {{ 2.567|round(1) }} {{ 2.5|round }} {{ 7|float }} {{ '42'|int + 1 }} {{ 'x'|int }} {{ 3.9|int }}
{{ {'b': 1, 'a': 2}|dictsort }} {{ {'b': 1}|items|list }} {{ {'a': 1}|length }} {{ {'a': 1}|list }}
{{ {'a': [1, 2.5, "x\"y", none, true], 'é': '<&>\n\u0001'}|tojson }}
{{ {'a': [1, {'b': []}], 'c': {}}|tojson(indent=2) }}
{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }} {{ [1, 2]|tojson(separators=(',', ':')) }}
{{ "a\nb\n\nc"|indent(2) }}|{{ "a\nb"|indent(2, true) }}|{{ "a\nb"|indent(first=true) }}
{{ 'aXbXc'|replace('X', '-') }} {{ 'aaa'|replace('a', 'b', 2) }} {{ 'abc'.replace('', '-') }} {{ '<a>'|escape }} {{ 5|string + 'x' }}
{{ 'a,b,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ' a b  c '.split(none, 1) }} {{ ' a b  c '.rsplit(none, 1) }} {{ ''.split() }} {{ ''.split(',') }} {{ 'aaa'.rsplit('aa') }}
{{ '  x '.strip() }}|{{ '  x '.lstrip() }}|{{ '  x '.rstrip() }}|{{ 'xxabxx'.strip('xa') }}|{{ 'x\n\n'.rstrip('\n') }}
{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith(('x', 'bc')) }} {{ 'abc'.find('c') }} {{ 'abc'.find('z') }} {{ 'abab'.rfind('b') }} {{ 'aab'.count('a') }} {{ '-'.join(['a', 'b']) }}
{{ 'abc'.upper() }} {{ 'hello world'.title() }} {{ 'abc'.capitalize() }} {{ '12'.isdigit() }} {{ 'ab1'.isalnum() }} {{ 'ab'.isalpha() }} {{ ' '.isspace() }} {{ 'pre-x'.removeprefix('pre-') }} {{ 'x.py'.removesuffix('.py') }} {{ 'a\nb'.splitlines() }}
{{ 1 is number }} {{ 1 is integer }} {{ 1.5 is float }} {{ 'a' is string }} {{ [] is sequence }} {{ {} is mapping }} {{ 'a' is iterable }} {{ 1 is iterable }} {{ none is none }} {{ true is boolean }} {{ true is true }} {{ false is false }} {{ 3 is odd }} {{ 4 is even }} {{ 6 is divisibleby 3 }} {{ 6 is divisibleby(4) }} {{ 1 is eq 1 }} {{ 2 is in [1, 2] }} {{ 'a' is lower }} {{ 'A' is upper }} {{ range is callable }} {{ 1 is sameas 1 }} {{ true is number }}
{% for i in range(3) %}{{ i }}{% endfor %} {% for i in range(1, 10, 3) %}{{ i }},{% endfor %} {% for i in range(3, 0, -1) %}{{ i }}{% endfor %}
{% for x in [] %}a{% else %}none{% endfor %} {% for x in 'ab' %}{{ x }}.{% endfor %} {% for k in {'a': 1} %}{{ k }}{% endfor %} {% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %} {% for (a, b) in [[1, 2]] %}{{ a + b }}{% endfor %} {% for x in undefined_thing %}x{% endfor %}
{% for x in ['a', 'b', 'c'] %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('x', 'y') }} {% endfor %}
{% for x in [1, 2, 3, 4] if x is even %}{{ loop.index }}:{{ x }} {% endfor %} {% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% set a = 1 %}{% for i in [1, 2] %}{% set a = a + i %}{{ a }}{% endfor %}{{ a }} {% if true %}{% set a = 9 %}{% endif %}{{ a }}
{% set ns = namespace(n=0, s='') %}{% for i in [1, 2, 3] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}{{ ns.missing }} {% set a, b = 1, 2 %}{{ b }}{{ a }} {% set t %}block {{ a }}{% endset %}{{ t|upper }}
{% macro f(a, b='d') %}[{{ a }}{{ b }}]{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=3, a=4) }}{{ f() }} {% macro rec(n) %}{{ n }}{% if n > 0 %}{{ rec(n - 1) }}{% endif %}{% endmacro %}{{ rec(3) }}
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }} {% generation %}gen{% endgeneration %} {% raw %}{{ x }}{% endraw %} {# comment #}|
{% if 1 > 2 %}a{% elif 2 > 1 %}b{% else %}c{% endif %} {% if none %}a{% endif %} {% if 'x' and [1] %}b{% endif %} {% if not x %}c{% endif %}
a  {%- if true -%}  b  {%- endif -%}  c  {{- ' d ' -}}  e {#- x -#} f
{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%d %H:%M:%S %A %B %j %y %a %I %p %%') }}
{{ raise_exception('no') }}
{{ [1, 2] + [3] }} {{ 'a' * 3 }} {{ [0] * 2 }} {{ 'a' + 1 }}
{{ {'a': 1, 'a': 2} }} {{ {1: 'x', none: 'y'} }} {{ (1, 2)|list }} {{ ()|list }} {{ 2.5e-3 }} {{ [[1, 2], ['a']] }} {{ "it's" }} {{ ["it's", 'say "x"', 'a\nb\\'] }}
{{ [].append(1) }}
{{ 1 // 0 }}
{{ 'x'|nosuchfilter }}
{{ 1 is nosuchtest }}
{% nosuchtag %}
{{ nosuchfunction() }}
{{ 'a' < 1 }}
{{ (1 }}
{% if x %}
{{ 'unclosed }}
{% for x in 5 %}{% endfor %}
{{ dict(a=1, b='x') }} {{ namespace(a=1).a }} {{ [1, 2, 3]|length > 2 }} {{ 'abc'|first }} {{ [1, [2, 3]]|last|join('+') }}
{{ '%s' is string }} {{ 'a' is not string }} {{ 1 if 'x' is defined else 2 }} {{ ['a']|map('length')|list }} {{ 3|string|length }}
""".split("\n") if l] + [
    "a\n{% if true %}\n  b\n{% endif %}\nc\n", "  {% if true %}x{% endif %}\n y", "x  {% if true %}\n  y\n  {% endif %}  z\n\n",
    "{%+ if true %}a{%+ endif %}\nb", "  {%+ if true +%}\n a{% endif +%}\nb", "{# c #}\n  {# d #}\nx {# e #}\ny", "{% raw %}\n {{ a }} \n{% endraw %}\nz",
    "{%- for i in [1, 2] %}\n  {{- i }}\n{% endfor %}\n", "{{ 1 }}\n{{ 2 }}\n\n", "a\r\n{% if true %}\r\nb{% endif %}\r\n", "{{ '{{' }} {{ {'a': {'b': 1}} }}",
    "{% set x = {'a': [1,\n 2]} %}\n{{ x.a[1] }}", "\n\n{%- set a = 1 -%}\n\n {{ a }}", "text { { % } } #", "{{ 'a' }}{{ 'b' -}}  \n  c", "   {{- 'x' }}   ",
]


def render(source, variables):
    try:
        return {"output": environment().from_string(source).render(bos_token="<s>", eos_token="</s>", **variables)}
    except Exception as e:  # any failure of the template is the answer
        return {"error": f"{type(e).__name__}: {e}"[:80]}


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    rows = []
    for path in sorted(folder.glob("*.jinja")):
        for name, variables in CONVERSATIONS.items():
            rows.append({"template": path.stem, "conversation": name, **render(path.read_text(encoding="utf-8"), variables)})
    rows += [{"snippet": s, **render(s, {})} for s in SNIPPETS]
    conversations = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in CONVERSATIONS.items())
    lines = ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows)
    (folder / "goldens.json").write_text(f'{{"conversations": {{\n{conversations}\n}},\n"rows": [\n{lines}\n]}}\n', encoding="utf-8")
    print(len(rows), "rows,", sum("error" in r for r in rows), "errors")
