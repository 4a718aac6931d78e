//! Reading texts: where nodes stand, and what is said of texts that are wrong.

use super::*;
use crate::diagnostic::Sources;
use expect_test::{Expect, expect};
use proptest::prelude::*;

use crate::diagnostic::{Paint, render};

fn check(text: &str, expected: &Expect) {
    let mut sources = Sources::new();
    let source = sources.add("a.yml", text);
    let mut diagnostics = Vec::new();
    let tree = parse(&sources, source, &mut diagnostics);
    let mut out = tree.map_or_else(|| "nothing".to_owned(), |tree| sketch(&tree, text));
    for diagnostic in &diagnostics {
        out.push('\n');
        out.push_str(render(&sources, diagnostic, Paint::Plain).trim_end());
    }
    expected.assert_eq(&out);
}

fn sketch(node: &Node, text: &str) -> String {
    match &node.content {
        Content::Scalar(_) => format!("<{}>", &text[node.span.start..node.span.end]),
        Content::List(items) => {
            format!("[{}]", items.iter().map(|it| sketch(it, text)).collect::<Vec<_>>().join(" "))
        }
        Content::Map(entries) => {
            let entry =
                |it: &Entry| format!("{}:{}", &text[it.key.span.start..it.key.span.end], sketch(&it.value, text));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(" "))
        }
    }
}

#[test]
fn nodes_know_where_they_stand() {
    check(
        "\u{feff}é: [1, 'two']\r\nb:\r\n  c: |\r\n    text\r\n  d:\r\ne: &x {f: g}\r\nh: *x\r\n",
        &expect!["{é:[<1> <'two'>] b:{c:<text> d:<>} e:{f:<g>} h:{f:<g>}}"],
    );
}

#[test]
fn mistakes_leave_the_rest_of_the_tree() {
    check(
        "a: 1\na: 2\n<<: {x: 1}\nb: !vault x\n\"secret()\": {}\n? [k]\n: v\nc: *none\nd: 4\n",
        &expect![[r#"
        {a:<1> b:<x> c:<*none> d:<4>}
        error: the key `a` is there twice
         --> a.yml:2:1
          |
        2 | a: 2
          | ^
          |
        note: it is here first
         --> a.yml:1:1
          |
        1 | a: 1
          | ^
        help: remove one of the two
        error: `<<` merges maps, which YAML 1.2 does not know
         --> a.yml:3:1
          |
        3 | <<: {x: 1}
          | ^^
          |
          = help: write the keys out
        error: the tag `!vault` means nothing here
         --> a.yml:4:11
          |
        4 | b: !vault x
          |           ^
          |
          = help: remove it; a secret is written "{{ secret('name') }}"
        error: `secret()` cannot be written as a key
         --> a.yml:5:1
          |
        5 | "secret()": {}
          | ^^^^^^^^^^
          |
          = help: a secret is written "{{ secret('name') }}"
        error: a key must be a text
         --> a.yml:6:3
          |
        6 | ? [k]
          |   ^^^
        error: no anchor `&none` stands before this alias
         --> a.yml:8:4
          |
        8 | c: *none
          |    ^^^^^
          |
          = help: quote a text that starts with `*`"#]],
    );
}

#[test]
fn a_text_that_is_no_yaml_says_where() {
    check(
        "a: 1\n\tb: 2\n",
        &expect![[r"
            nothing
            error: a tab in the indentation
             --> a.yml:2:1
              |
            2 |     b: 2
              | ^^^^
              |
              = help: indent with spaces"]],
    );
    check(
        "a: [1, 2\nb: 3\n",
        &expect![[r"
        nothing
        error: this is not YAML: illegal placement of ':' indicator
         --> a.yml:2:2
          |
        2 | b: 3
          |  ^"]],
    );
    check(
        "a: 1\n---\nb: 2\n",
        &expect![[r"
        nothing
        error: a second document starts here
         --> a.yml:2:1
          |
        2 | ---
          | ^^^
          |
          = help: one document a file: remove the `---`, or move what follows to a file of its own"]],
    );
    check(
        "name: {{ app }}\n",
        &expect![[r#"
            {name:<{{ app }}>}
            error: a key must be a text
             --> a.yml:1:8
              |
            1 | name: {{ app }}
              |        ^^^^^^^
              |
              = help: quote a value that starts with `{{`: "{{ name }}""#]],
    );
    check(
        "a: \"x\n",
        &expect![[r"
        nothing
        error: this is not YAML: invalid indentation in multiline quoted scalar
         --> a.yml:2:1
          |
        2 |
          | ^"]],
    );
    check("", &expect!["nothing"]);
}

#[test]
fn bombs_are_told_and_not_carried_out() {
    let tens = |level: usize| match level {
        0 => format!("a0: &a0 [{}]", ["x"; 10].join(", ")),
        _ => format!("a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 10].join(", ")),
    };
    let bomb = (0..9).map(tens).collect::<Vec<String>>().join("\n");
    let first_line = |text: &str| {
        let mut sources = Sources::new();
        let source = sources.add("a.yml", text);
        let mut diagnostics = Vec::new();
        assert!(parse(&sources, source, &mut diagnostics).is_none());
        diagnostics.remove(0).message
    };
    assert_eq!(first_line(&bomb), "with this alias the file has more than 100000 values");
    assert_eq!(first_line(&"[".repeat(20_000)), "more than 64 levels of nesting");
    assert_eq!(first_line(&"- ".repeat(20_000)), "more than 64 levels of nesting");
    assert_eq!(first_line(&"{a: ".repeat(20_000)), "more than 64 levels of nesting");
    let nested = (0..20_000_usize).map(|depth| " ".repeat(depth.min(200)) + "a:\n").collect::<String>();
    assert_eq!(first_line(&nested), "more than 64 levels of nesting");
    assert_eq!(first_line(&"- x\n".repeat(100_001)), "the file has more than 100000 values");
    assert_eq!(first_line("a: &a [*a]\n"), "this alias stands inside what it stands for");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_every_span_lies_within(text in "[ -~é\t\r\n{}\\[\\]:,&*!|>'\"#-]{0,80}") {
        let mut sources = Sources::new();
        let source = sources.add("a.yml", text.as_str());
        let mut diagnostics = Vec::new();
        if let Some(tree) = parse(&sources, source, &mut diagnostics) {
            sketch(&tree, &text);
        }
        for diagnostic in &diagnostics {
            prop_assert!(diagnostic.span.is_some_and(|span| span.end <= text.len()));
            render(&sources, diagnostic, Paint::Plain);
        }
    }
}
