//! Text to tree, within bounds: no file, however made, costs more than a moment.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span as ParserSpan, Tag};

use super::key::check_key;
use super::{Content, Entry, Key, Node, Scalar, nothing};
use crate::diagnostic::{Diagnostic, SourceId, Sources, Span, shown};

/// The deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 64;

/// The most values in a file, what aliases stand for counted each time.
pub const MAX_NODES: usize = 100_000;

/// Reads a text. `None` when it is empty or cannot be read at all; mistakes that leave a tree are reported besides it.
pub fn parse(sources: &Sources, source: SourceId, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    build(sources, source, None, diagnostics).0
}

/// Reads a text that is written for another program: merge keys are keys, and tags are given, each with what it stands at.
pub fn parse_foreign(
    sources: &Sources,
    source: SourceId,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Option<Node>, Vec<(Span, String)>) {
    build(sources, source, Some(Vec::new()), diagnostics)
}

fn build(
    sources: &Sources,
    source: SourceId,
    tags: Option<Vec<(Span, String)>>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Option<Node>, Vec<(Span, String)>) {
    let text = sources.text(source);
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let builder = Builder {
        source,
        text,
        offset: text.len() - body.len(),
        diagnostics,
        tags,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        n_nodes: 0,
    };
    builder.run(body)
}

struct Builder<'a> {
    source: SourceId,
    text: &'a str,
    /// Bytes before the part that is parsed.
    offset: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
    /// The tags that were met, where the text is written for another program.
    tags: Option<Vec<(Span, String)>>,
    open: Vec<Open>,
    /// Anchored values with the number of values in them.
    anchors: HashMap<usize, (Node, usize)>,
    root: Option<Node>,
    n_nodes: usize,
}

/// A list or map that has not ended.
struct Open {
    span: Span,
    anchor: usize,
    /// Number of values before it.
    n_before: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Pending, seen: HashSet<Arc<str>> },
}

/// The key whose value comes next.
enum Pending {
    /// None: what comes next is a key.
    Nothing,
    /// One with a mistake, whose value is passed over.
    Passed,
    /// This one.
    Key(Key),
}

/// Why reading ends early; the diagnostic is made already.
struct Stop;

impl Builder<'_> {
    fn run(mut self, body: &str) -> (Option<Node>, Vec<(Span, String)>) {
        let mut options = Options::default();
        options.block_nesting_limit = MAX_DEPTH;
        options.flow_nesting_limit = MAX_DEPTH;
        options.set_emit_comments(false);
        options.emit_unresolved_aliases = true;
        for next in Parser::new_from_str_with_options(body, options) {
            let step = match next {
                Ok((event, span)) => self.event(event, span),
                Err(error) => {
                    let at = error.marker().byte_offset().unwrap_or(0) + self.offset;
                    let diagnostic = self.syntax_error(at, &error.info());
                    self.stop(diagnostic)
                }
            };
            if step.is_err() {
                return (None, self.tags.unwrap_or_default());
            }
        }
        (self.root, self.tags.unwrap_or_default())
    }

    fn event(&mut self, event: Event, span: ParserSpan) -> Result<(), Stop> {
        let at = self.span(&span);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                let diagnostic = Diagnostic::new(at, "a second document starts here")
                    .help("one document a file: remove the `---`, or move what follows to a file of its own");
                self.stop(diagnostic)
            }
            Event::Alias(anchor) => self.alias(anchor, at),
            Event::UnresolvedAlias(name) => {
                let message = format!("no anchor {} stands before this alias", shown(&format!("&{name}")));
                self.diagnostics.push(Diagnostic::new(at, message).help("quote a text that starts with `*`"));
                self.add(nothing(at), 0, 1)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = self.tag(tag.as_deref(), at);
                let plain = matches!(style, ScalarStyle::Plain) && !quoted;
                let verbatim =
                    self.text.get(at.start..at.end).and_then(|inside| inside.find(&*text)).map(|it| at.start + it);
                let scalar = Scalar { text: Arc::from(&*text), plain, verbatim };
                self.add(Node { span: self.trim(at), content: Content::Scalar(scalar) }, anchor, 1)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), at);
                self.start(at, anchor, Items::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), at);
                self.start(at, anchor, Items::Map { entries: Vec::new(), key: Pending::Nothing, seen: HashSet::new() })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(at),
            _ => Ok(()),
        }
    }

    /// Refuses a tag; tells whether it is the one that makes a text of a scalar.
    fn tag(&mut self, tag: Option<&Tag>, at: Span) -> bool {
        let Some(tag) = tag else { return false };
        if tag.is_yaml_core_schema_tag("str") {
            return true;
        }
        let place = self.trim(at);
        if let Some(tags) = &mut self.tags {
            let core = tag.is_yaml_core_schema();
            if !core {
                tags.push((place, tag.original()));
            }
            return !core;
        }
        let message = format!("the tag {} means nothing here", shown(&tag.original()));
        self.diagnostics
            .push(Diagnostic::new(at, message).help("remove it; a secret is written \"{{ secret('name') }}\""));
        false
    }

    fn alias(&mut self, anchor: usize, at: Span) -> Result<(), Stop> {
        let Some((node, n_nodes)) = self.anchors.get(&anchor) else {
            let diagnostic = Diagnostic::new(at, "this alias stands inside what it stands for")
                .help("write the value out, without the alias");
            return self.stop(diagnostic);
        };
        let n_nodes = *n_nodes;
        // Counted before it is copied, so that a bomb never gets to unfold.
        if self.n_nodes + n_nodes > MAX_NODES {
            let diagnostic = Diagnostic::new(at, format!("with this alias the file has more than {MAX_NODES} values"))
                .help("write shorter: use a variable or a loop");
            return self.stop(diagnostic);
        }
        let content = node.content.clone();
        self.add(Node { span: at, content }, 0, n_nodes)
    }

    fn start(&mut self, span: Span, anchor: usize, items: Items) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            let diagnostic = Diagnostic::new(span, format!("more than {MAX_DEPTH} levels of nesting"));
            return self.stop(diagnostic);
        }
        self.open.push(Open { span, anchor, n_before: self.n_nodes, items });
        Ok(())
    }

    fn end(&mut self, at: Span) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let whole = self.trim(open.span.to(at));
        let content = match open.items {
            Items::List(items) => Content::List(items),
            // `{{ name }}` without quotes is a map of maps; it is reported, and then taken for what is meant.
            Items::Map { entries, .. } if entries.is_empty() && self.shows(whole).starts_with("{{") => {
                let text = Arc::from(self.shows(whole));
                Content::Scalar(Scalar { text, plain: false, verbatim: Some(whole.start) })
            }
            Items::Map { entries, .. } => Content::Map(entries),
        };
        let n_nodes = self.n_nodes - open.n_before + 1;
        self.n_nodes = open.n_before;
        self.add(Node { span: whole, content }, open.anchor, n_nodes)
    }

    /// Puts a value where it belongs: into the open list or map, or as the key of one.
    fn add(&mut self, node: Node, anchor: usize, n_nodes: usize) -> Result<(), Stop> {
        self.n_nodes += n_nodes;
        if self.n_nodes > MAX_NODES {
            let diagnostic = Diagnostic::new(node.span, format!("the file has more than {MAX_NODES} values"));
            return self.stop(diagnostic);
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), n_nodes));
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(items)) => items.push(node),
            Some(Items::Map { entries, key, seen }) => match std::mem::replace(key, Pending::Nothing) {
                Pending::Nothing => {
                    *key = check_key(node, entries, seen, self.tags.is_some(), self.diagnostics)
                        .map_or(Pending::Passed, Pending::Key);
                }
                Pending::Passed => {}
                Pending::Key(key) => entries.push(Entry { key, value: node }),
            },
        }
        Ok(())
    }

    fn syntax_error(&self, at: usize, info: &str) -> Diagnostic {
        let at = at.min(self.text.len());
        let span = Span { source: self.source, start: at, end: at };
        if let Some(tab) = self.tab_near(at) {
            let span = Span { source: self.source, start: tab, end: tab + 1 };
            return Diagnostic::new(span, "a tab in the indentation").help("indent with spaces");
        }
        if info.contains("recursion") || info.contains("nesting") || info.contains("limit") {
            return Diagnostic::new(span, format!("more than {MAX_DEPTH} levels of nesting"));
        }
        Diagnostic::new(span, format!("this is not YAML: {info}"))
    }

    /// The first tab in the indentation of the line at a byte or of the one after it, where the parser may be already.
    fn tab_near(&self, at: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut line_start = bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |it| it + 1);
        for _ in 0..2 {
            let indent = bytes[line_start..].iter().take_while(|&&byte| byte == b' ' || byte == b'\t');
            let length = indent.clone().count();
            if let Some(tab) = indent.clone().position(|&byte| byte == b'\t') {
                return Some(line_start + tab).filter(|_| bytes.get(line_start + length).is_some());
            }
            line_start = bytes[line_start..]
                .iter()
                .position(|&byte| byte == b'\n')
                .map_or(bytes.len(), |it| line_start + it + 1);
        }
        None
    }

    fn stop(&mut self, diagnostic: Diagnostic) -> Result<(), Stop> {
        self.diagnostics.push(diagnostic);
        Err(Stop)
    }

    fn span(&self, span: &ParserSpan) -> Span {
        let range = span.byte_range().unwrap_or(0..0);
        let clamp = |at: usize| (at + self.offset).min(self.text.len());
        Span { source: self.source, start: clamp(range.start), end: clamp(range.end).max(clamp(range.start)) }
    }

    /// Takes away white space at the end, which the parser counts in at the end of a block.
    fn trim(&self, span: Span) -> Span {
        Span { end: span.start + self.shows(span).trim_end().len(), ..span }
    }

    fn shows(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or("")
    }
}
