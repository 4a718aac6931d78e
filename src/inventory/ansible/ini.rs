//! Inventories in Ansible's INI: `[group]`, `[group:children]`, `[group:vars]`.

use indexmap::IndexMap;

use super::Reader;
use super::literal::value;
use super::tokens::split;
use crate::diagnostic::{Diagnostic, SourceId, Span, shown};
use crate::inventory::UNGROUPED;
use crate::yaml::Key;

/// What the lines of a section say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Hosts,
    Children,
    Vars,
}

impl Reader<'_> {
    /// Reads a text in INI.
    pub(super) fn ini(&mut self, source: SourceId, text: &str) {
        let (mut group, mut state) = (UNGROUPED.to_owned(), State::Hosts);
        // Groups that are to lie in others and are not written yet, each with those.
        let mut awaited: IndexMap<String, Vec<(String, Key)>> = IndexMap::new();
        let mut start = 0;
        for whole in text.split_inclusive('\n') {
            let line = whole.trim_start_matches('\u{feff}').trim();
            let at = start + whole.find(line).unwrap_or(0);
            start += whole.len();
            let span = Span { source, start: at, end: at + line.len() };
            if line.is_empty() || line.starts_with([';', '#']) {
                continue;
            }
            if line.starts_with('[')
                && let Some(section) = section(line)
            {
                match section {
                    Ok((name, next)) => {
                        (group, state) = (name.to_owned(), next);
                        if next == State::Vars {
                            self.book.group(name);
                            self.of_variables.push((group.clone(), span));
                            continue;
                        }
                        self.book.group(name).span.get_or_insert(span);
                        self.lay_in(awaited.shift_remove(name).unwrap_or_default());
                    }
                    Err(why) => self.diagnostics.push(Diagnostic::new(span, why)),
                }
                continue;
            }
            match state {
                State::Hosts => self.host_line(line, span, &group),
                State::Vars => self.variable_line(line, span, &group),
                State::Children => {
                    let name = line.split('#').next().unwrap_or_default().trim_end();
                    if name.is_empty() || name.contains([':', ']']) || name.contains(char::is_whitespace) {
                        self.diagnostics.push(Diagnostic::new(span, format!("{} cannot name a group", shown(name))));
                        continue;
                    }
                    let span = Span { end: span.start + name.len(), ..span };
                    let child = Key { text: name.into(), span };
                    if self.book.groups.contains_key(name) {
                        self.book.group(&group).children.push(child);
                    } else {
                        awaited.entry(name.to_owned()).or_default().push((group.clone(), child));
                    }
                }
            }
        }
        self.lay_in(awaited.into_values().flatten());
    }

    fn lay_in(&mut self, children: impl IntoIterator<Item = (String, Key)>) {
        for (parent, child) in children {
            self.book.group(&parent).children.push(child);
        }
    }

    fn host_line(&mut self, line: &str, span: Span, group: &str) {
        let tokens = match split(line) {
            Ok(tokens) => tokens,
            Err(why) => {
                self.diagnostics.push(Diagnostic::new(span, why));
                return;
            }
        };
        let mut tokens = tokens.into_iter().map(|it| {
            let place = Span { start: span.start + it.start, end: span.start + it.end, ..span };
            (it.text, place)
        });
        let Some((pattern, place)) = tokens.next() else { return };
        let names = self.hosts(&pattern, place, group);
        for (text, place) in tokens {
            let Some((key, written)) = text.split_once('=') else {
                let diagnostic = Diagnostic::new(place, format!("{} is no `name=value`", shown(&text)));
                self.diagnostics.push(diagnostic.help("quote a value that has blanks"));
                continue;
            };
            let node = value(written, place);
            for name in &names {
                self.book.host(name, place).variables.insert(key, place, node.clone());
            }
        }
    }

    fn variable_line(&mut self, line: &str, span: Span, group: &str) {
        let Some((key, written)) = line.split_once('=') else {
            self.diagnostics.push(Diagnostic::new(span, format!("{} is no `name=value`", shown(line))));
            return;
        };
        let node = value(written.trim(), span);
        self.book.set(group, key.trim(), span, node);
    }
}

/// The name and kind of a section; `None` where it is no line of that form but the start of a host's name.
fn section(line: &str) -> Option<Result<(&str, State), String>> {
    let (inside, behind) = line[1..].split_once(']')?;
    let behind = behind.trim_start();
    if !behind.is_empty() && !behind.starts_with('#') {
        return None;
    }
    let (name, kind) = inside.split_once(':').unwrap_or((inside, "hosts"));
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Some(Err(format!("{} cannot name a group", shown(name))));
    }
    Some(match kind {
        "hosts" => Ok((name, State::Hosts)),
        "children" => Ok((name, State::Children)),
        "vars" => Ok((name, State::Vars)),
        other => Err(format!("a section of a group is `children` or `vars`, not {}", shown(other))),
    })
}
