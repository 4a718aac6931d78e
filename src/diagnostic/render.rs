//! Diagnostics as text, with the lines they are about and carets under the place.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

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
    let mut group = Group::with_title(Level::ERROR.primary_title(diagnostic.message.clone()));
    if let Some(span) = diagnostic.span {
        group = point_at(group, sources, span);
    }
    if let Some(help) = diagnostic.help.as_ref().filter(|_| diagnostic.notes.is_empty()) {
        group = group.element(Level::HELP.message(help.clone()));
    }
    groups.push(group);
    for (span, text) in &diagnostic.notes {
        groups.push(point_at(Group::with_title(Level::NOTE.secondary_title(text.clone())), sources, *span));
    }
    if let Some(help) = diagnostic.help.as_ref().filter(|_| !diagnostic.notes.is_empty()) {
        groups.push(Group::with_title(Level::HELP.secondary_title(help.clone())));
    }
    renderer.render(&groups) + "\n"
}

/// All diagnostics as text, an empty line between them and a count at the end.
pub fn render_all(sources: &Sources, diagnostics: &[Diagnostic], paint: Paint) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(MAX_SHOWN) {
        out.push_str(&render(sources, diagnostic, paint));
        out.push('\n');
    }
    if diagnostics.len() > MAX_SHOWN {
        out.push_str(&format!("… and {} more\n", diagnostics.len() - MAX_SHOWN));
    }
    match diagnostics.len() {
        0 => {}
        1 => out.push_str("1 mistake; nothing was contacted\n"),
        n => out.push_str(&format!("{n} mistakes; nothing was contacted\n")),
    }
    out
}

/// Adds the line that a stretch starts on, with carets under the stretch.
fn point_at<'a>(group: Group<'a>, sources: &Sources, span: Span) -> Group<'a> {
    let place = sources.place(span);
    let (line, start, end) = cut(sources, span);
    let column = line[..start].chars().count() + 1;
    let snippet = Snippet::source(line).line_start(place.line).fold(false);
    let snippet = snippet.annotation(AnnotationKind::Primary.span(start..end));
    if column == place.column {
        return group.element(snippet.path(place.name));
    }
    // The renderer takes the column from the line it shows, which here is not the whole of it.
    group.element(Origin::path(place.name).line(place.line).char_column(place.column)).element(snippet)
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
    let mut hidden: Vec<Span> = sources.hidden(span.source).filter(|it| it.start < to && it.end > from).collect();
    hidden.sort();
    let mut masked_until = from;
    for (offset, c) in text[from..to].char_indices() {
        let at = from + offset;
        if at >= start && shown_start.is_none() {
            shown_start = Some(line.len());
        }
        if at >= end && shown_end.is_none() {
            shown_end = Some(line.len());
        }
        if let Some(mask) = hidden.iter().find(|it| it.start <= at && at < it.end) {
            if at >= masked_until {
                line.push_str("********");
                masked_until = mask.end;
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
            &expect![[r#"
                error: no kind `x`
                 --> a.yml:2:9
                  |
                2 | steps: [x: 1]
                  |         ^
                  |
                  = help: did you mean `y`?
            "#]],
        );
        check(
            "",
            0,
            0,
            &expect![[r#"
                error: no kind `x`
                 --> a.yml:1:1
                  |
                1 |
                  | ^
                  |
                  = help: did you mean `y`?
            "#]],
        );
    }

    #[test]
    fn hidden_text_is_masked_wherever_its_line_is_shown() {
        let mut sources = Sources::new();
        let text = "password: hunter2, x: 1";
        let source = sources.add("a.yml", text);
        sources.hide(Span { source, start: 10, end: 17 });
        for start in 0..text.len() {
            let diagnostic = Diagnostic::new(Span { source, start, end: start + 3 }, "wrong");
            let shown = render(&sources, &diagnostic, Paint::Plain);
            assert!(!shown.contains("hunter") && shown.contains("x: 1"), "{shown}");
        }
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
