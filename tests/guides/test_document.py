from __future__ import annotations

import pytest

from tests.guides.document import Command, File, steps

TEXT = """\
Save `a/model.py`, like this:

```python
print(1)
```

No name:

```python
print(2)
```

1. In a list:

   ```console
   $ first --flag    # exit code 3
   printed
     further ...
   $ second 'in
   two lines' \\
       --end
   $ third - <<EOF
   x: 1
   EOF
   ```
"""


def test_files_and_commands_come_in_their_order():
    found = list(steps(TEXT))

    assert found == [
        File("a/model.py", "print(1)\n"),
        Command("first --flag", "exit code 3", "printed\n  further ..."),
        Command("second 'in\ntwo lines' \\\n    --end", "", ""),
        Command("third - <<EOF\nx: 1\nEOF", "", ""),
    ]


def test_a_command_has_the_exit_code_of_its_comment():
    codes = [step.exit_code for step in steps(TEXT) if isinstance(step, Command)]

    assert codes == [3, 0, 0]


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (0, ["first", "--flag"]),
        (1, ["second", "in\ntwo lines", "--end"]),
        (2, ["third", "-"]),
    ],
)
def test_the_words_of_a_command_are_those_of_all_its_lines(index: int, words: list[str]):
    commands = [step for step in steps(TEXT) if isinstance(step, Command)]

    assert commands[index].words == words
