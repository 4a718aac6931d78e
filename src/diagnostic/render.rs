//! Diagnostics as text, with the lines they are about and carets under the place.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::source::floor;
use super::{Diagnostic, Sources, Span};

/// The most bytes of a line that are shown on each side of the place.
const MAX_SIDE_BYTES: usize = 200;
/// The most diagnostics that are shown in one run.
const MAX_SHOWN: usize = 200;

/// Whether text is painted for a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Plain text.
    Plain,
    /// With colours.
    Coloured,
}

/// A diagnostic as text, ended by a line break.
pub fn render(sources: &Sources, diagnostic: &Diagnostic, paint: Paint) -> String {
    let renderer = match paint {
        Paint::Plain => Renderer::plain(),
        Paint::Coloured => Renderer::styled(),
    };
    let mut groups = Vec::new();
    let mut headers = Vec::new();
    let mut group = Group::with_title(Level::ERROR.primary_title(diagnostic.message.clone()));
    if let Some(span) = diagnostic.span {
        group = point_at(group, sources, span, &mut headers);
    }
    let inside = diagnostic.notes.is_empty() && diagnostic.span.is_some();
    if let Some(help) = diagnostic.help.as_ref().filter(|_| inside) {
        group = group.element(Level::HELP.message(help.clone()));
    }
    groups.push(group);
    for (span, text) in &diagnostic.notes {
        let group = Group::with_title(Level::NOTE.secondary_title(text.clone()));
        groups.push(point_at(group, sources, *span, &mut headers));
    }
    if let Some(help) = diagnostic.help.as_ref().filter(|_| !inside) {
        groups.push(Group::with_title(Level::HELP.secondary_title(help.clone())));
    }
    let mut text = renderer.render(&groups) + "\n";
    for (rendered, right) in headers {
        text = text.replacen(&rendered, &right, 1);
    }
    text
}

/// All diagnostics as text, an empty line between them and a count at the end.
pub fn render_all(sources: &Sources, diagnostics: &[Diagnostic], paint: Paint) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(MAX_SHOWN) {
        out.push_str(&render(sources, diagnostic, paint));
        out.push('\n');
    }
    if diagnostics.len() > MAX_SHOWN {
        let more = format!("… and {} more\n", diagnostics.len() - MAX_SHOWN);
        out.push_str(&more);
    }
    let count = match diagnostics.len() {
        0 => String::new(),
        1 => "1 mistake; nothing was contacted\n".to_owned(),
        n => format!("{n} mistakes; nothing was contacted\n"),
    };
    out + &count
}

/// Adds the line that a stretch starts on, with carets under the stretch.
///
/// The renderer takes the column from the line it shows, which may not be the whole of it: the right one is noted.
fn point_at<'a>(group: Group<'a>, sources: &Sources, span: Span, headers: &mut Vec<(String, String)>) -> Group<'a> {
    let place = sources.place(span);
    let (line, start, end) = cut(sources, span);
    let column = line[..start].chars().count() + 1;
    if column != place.column {
        headers.push((format!("{}:{}:{column}\n", place.name, place.line), format!("{place}\n")));
    }
    let snippet = Snippet::source(line).line_start(place.line).path(place.name).fold(false);
    group.element(snippet.annotation(AnnotationKind::Primary.span(start..end)))
}

/// The line that a stretch starts on, hidden text masked and far ends cut off, and where in it the stretch is.
fn cut(sources: &Sources, span: Span) -> (String, usize, usize) {
    let text = sources.text(span.source);
    let start = floor(text, span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    let end = floor(text, span.end.clamp(start, line_end)).max(start);

    let from = floor(text, line_start.max(start.saturating_sub(MAX_SIDE_BYTES)));
    let to = floor(text, line_end.min(start + MAX_SIDE_BYTES).max(start));
    let mut line = String::new();
    let (mut shown_start, mut shown_end) = (None, None);
    let hidden = sources.hidden(span.source).map(|it| (it.start, it.end));
    let likely = likely_secrets(&text[line_start..line_end]).into_iter().map(|(a, b)| (line_start + a, line_start + b));
    let mut hidden: Vec<(usize, usize)> = hidden.chain(likely).filter(|it| it.0 < to && it.1 > from).collect();
    hidden.sort_unstable();
    let mut masked_until = from;
    for (offset, c) in text[from..to].char_indices() {
        let at = from + offset;
        if at >= start && shown_start.is_none() {
            shown_start = Some(line.len());
        }
        if at >= end && shown_end.is_none() {
            shown_end = Some(line.len());
        }
        if let Some(mask) = hidden.iter().find(|it| it.0 <= at && at < it.1) {
            if at >= masked_until {
                line.push_str("********");
                masked_until = mask.1;
            }
        } else if c != '\r' && c != '\u{feff}' {
            // A line is one line, whatever the terminal takes for a break.
            line.push(if c.is_control() && c != '\t' { '\u{fffd}' } else { c });
        }
    }
    let shown_start = shown_start.unwrap_or(line.len());
    let shown_end = shown_end.unwrap_or(line.len()).max(shown_start);
    (line, shown_start, shown_end)
}

/// What stands behind keys that sound like secrets, such as a misspelt `pasword: hunter2`. Templates are no secrets.
fn likely_secrets(line: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(colon) = line[from..].find(':').map(|at| from + at) {
        from = colon + 1;
        let key = line[..colon].trim_end().trim_end_matches(['"', '\'']);
        let word =
            key.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').next().unwrap_or("").to_lowercase();
        if !["pass", "pwd", "pasw", "secret", "token"].iter().any(|it| word.contains(it)) {
            continue;
        }
        let value = &line[from..];
        let start = from + value.len() - value.trim_start().len();
        let rest = &line[start..];
        let length = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => rest[1..].find(quote).map_or(rest.len(), |end| end + 2),
            _ => rest.find([',', '}']).unwrap_or(rest.len()),
        };
        let value = rest[..length].trim_end();
        if !value.is_empty() && !value.contains("{{") && !value.starts_with(['{', '[', '&', '*', '|', '>']) {
            found.push((start, start + value.len()));
        }
        from = start + length;
    }
    found.extend(connection_passwords(line));
    found
}

/// Passwords and keys in connection strings, such as `Pwd = hunter2;`.
fn connection_passwords(line: &str) -> impl Iterator<Item = (usize, usize)> {
    line.match_indices('=').filter_map(|(at, _)| {
        let key = line[..at].trim_end().to_lowercase();
        let known = ["password", "pwd", "accountkey", "sharedaccesskey"].iter().any(|word| key.ends_with(word));
        let rest = &line[at + 1..];
        let length = rest.find([';', '\'', '"']).unwrap_or(rest.len());
        let blanks = rest[..length].len() - rest[..length].trim_start().len();
        (known && blanks < length).then_some((at + 1 + blanks, at + 1 + length))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, start: usize, end: usize, expected: &Expect) {
        let mut sources = Sources::new();
        let source = sources.add("a.yml", text);
        let diagnostic = Diagnostic::new(Span { source, start, end }, "no kind `x`").help("did you mean `y`?");
        expected.assert_eq(&render(&sources, &diagnostic, Paint::Plain));
    }

    #[test]
    fn the_caret_sits_under_the_place() {
        check(
            "é: 1\r\nsteps: [x: 1]\r\n",
            15,
            16,
            &expect![[r"
                error: no kind `x`
                 --> a.yml:2:9
                  |
                2 | steps: [x: 1]
                  |         ^
                  |
                  = help: did you mean `y`?
            "]],
        );
        check(
            "",
            0,
            0,
            &expect![[r"
                error: no kind `x`
                 --> a.yml:1:1
                  |
                1 |
                  | ^
                  |
                  = help: did you mean `y`?
            "]],
        );
    }

    #[test]
    fn hidden_text_is_masked_wherever_its_line_is_shown() {
        let mut sources = Sources::new();
        let text = "k: hunter2, x: 1";
        let source = sources.add("a.yml", text);
        sources.hide(Span { source, start: 3, end: 10 });
        for start in 0..text.len() {
            let diagnostic = Diagnostic::new(Span { source, start, end: start + 3 }, "wrong");
            let shown = render(&sources, &diagnostic, Paint::Plain);
            assert!(!shown.contains("hunter") && shown.contains("x: 1"), "{shown}");
        }
    }

    #[test]
    fn what_sounds_like_a_secret_is_masked_unhidden() {
        let check = |line: &str, expected: &[&str]| {
            let found: Vec<&str> = likely_secrets(line).into_iter().map(|(start, end)| &line[start..end]).collect();
            assert_eq!(found, expected, "{line}");
        };
        check("password: hunter2", &["hunter2"]);
        check("{user: x, \"pasword\" : 'hun,ter2', y: z}", &["'hun,ter2'"]);
        check("db_password: \"{{ secret('x') }}\"", &[]);
        check("a: {admin-token: abc}", &["abc"]);
        check("password: {a: b}", &[]);
        check("password:", &[]);
        check("passé: é:", &["é:"]);
    }

    #[test]
    fn a_line_of_a_million_characters_is_cut() {
        let mut sources = Sources::new();
        let source = sources.add("a.yml", "ü".repeat(1_000_000));
        let shown =
            render(&sources, &Diagnostic::new(Span { source, start: 999_999, end: 1_200_001 }, "x"), Paint::Plain);
        assert!(shown.len() < 2_000, "{}", shown.len());
    }
}
