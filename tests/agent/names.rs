//! Every name of a script against what a version of Windows has.

use std::collections::BTreeSet;

use tree_sitter::Node;

use crate::profile::{Member, Profile, Type};
use crate::script::{Complaint, Script, above, below, child, children};

/// What a script may use besides what a profile knows.
#[derive(Default)]
pub struct Allowed {
    /// Functions that another script defines, in lower case.
    pub functions: BTreeSet<String>,
    /// Types, in lower case.
    pub types: BTreeSet<String>,
    /// Members of objects whose type a profile cannot tell, in lower case.
    pub members: BTreeSet<String>,
    /// Keys of data, as they stand on the wire.
    pub keys: BTreeSet<String>,
}

/// What came of a check.
#[derive(Default)]
pub struct Checked {
    /// Names that are not known.
    pub complaints: Vec<Complaint>,
    /// Names that were looked up in the profile and found.
    pub known: BTreeSet<String>,
    /// Names that only the list allows.
    pub allowed: BTreeSet<String>,
}

/// Checks every command, parameter, type and member.
pub fn check(script: &Script, profile: &Profile, allowed: &Allowed) -> Checked {
    let own = script.functions().into_iter().map(|(name, _)| name.to_lowercase());
    let functions = own.chain(allowed.functions.iter().cloned()).collect();
    let mut names = Names { script, profile, allowed, functions, checked: Checked::default() };
    for node in script.nodes() {
        match node.kind() {
            "command" => names.command(node),
            "type_literal" => names.type_literal(node),
            "member_name" => names.member(node),
            _ => {}
        }
    }
    names.checked.complaints.sort();
    names.checked.complaints.dedup();
    names.checked
}

struct Names<'a> {
    script: &'a Script,
    profile: &'a Profile,
    allowed: &'a Allowed,
    functions: BTreeSet<String>,
    checked: Checked,
}

impl<'a> Names<'a> {
    fn complain(&mut self, node: Node<'a>, what: &str) {
        let what = format!("{}: {what}", self.profile.name);
        self.checked.complaints.push(Complaint::about(node, what));
    }

    fn know(&mut self, name: impl Into<String>) {
        self.checked.known.insert(name.into());
    }

    fn command(&mut self, node: Node<'a>) {
        let Some(name) = child(node, "command_name").map(|name| self.script.of(name).to_owned()) else { return };
        if self.functions.contains(&name.to_lowercase()) {
            return;
        }
        let Some(known) = self.profile.commands.get(&name.to_lowercase()) else {
            return self.complain(node, &format!("there is no command {name}"));
        };
        self.know(name.clone());
        let elements = child(node, "command_elements").map(children).unwrap_or_default();
        let written = elements.iter().filter(|element| element.kind() == "command_parameter");
        let mut parameters: Vec<String> = written.map(|it| self.script.of(*it).to_owned()).collect();
        for splat in elements.iter().map(|it| self.script.of(*it)).filter(|it| it.starts_with('@')) {
            parameters.extend(self.splatted(node, &splat[1..]));
        }
        for parameter in parameters {
            let bare = parameter.trim_start_matches('-').trim_end_matches(':').to_lowercase();
            if known.contains(&bare) {
                self.checked.known.insert(format!("{name} -{bare}"));
            } else {
                self.complain(node, &format!("{name} has no parameter {parameter}"));
            }
        }
        if name.eq_ignore_ascii_case("New-Object") {
            self.constructor(node);
        }
    }

    /// The keys of a splatted hashtable: those of its literal and those added later in the same function.
    fn splatted(&self, command: Node<'a>, variable: &str) -> Vec<String> {
        let scope = self.scope(command);
        let mut keys = Vec::new();
        for node in below(scope) {
            let text = self.script.of(node).trim_start();
            let Some(rest) = text.strip_prefix('$').and_then(|text| text.strip_prefix(variable)) else { continue };
            if node.kind() == "assignment_expression" && rest.trim_start().starts_with("= @{") {
                let of = |entry: Node<'a>| self.script.of(entry).split('=').next().map(|key| key.trim().to_owned());
                keys.extend(below(node).into_iter().filter(|it| it.kind() == "key_expression").filter_map(of));
            } else if node.kind() == "member_access"
                && let Some(key) = rest.strip_prefix('.')
            {
                keys.push(key.to_owned());
            }
        }
        keys
    }

    fn constructor(&mut self, node: Node<'a>) {
        let elements = child(node, "command_elements").map(children).unwrap_or_default();
        let Some(place) = elements.iter().position(|it| it.kind() == "generic_token") else { return };
        let written = self.script.of(elements[place]).to_owned();
        let array = written.ends_with(']');
        let Some(full) = self.resolve(elements[place], &written) else { return };
        let after = elements.get(place + 1).filter(|it| it.kind() == "argument_list");
        let Some(described) = self.profile.described(&full).filter(|_| !array) else { return };
        let given = after.map_or(0, |list| arguments(*list));
        let fits = described.constructors.contains(&given) || given == 0 && described.constructors.is_empty();
        if !fits {
            self.complain(node, &format!("{written} is not made from {given} arguments"));
        }
    }

    fn type_literal(&mut self, node: Node<'a>) {
        let written = self.script.of(node).trim_matches(['[', ']']).to_owned();
        let written = if self.script.of(node).ends_with("[]]") { format!("{written}[]") } else { written };
        // `[ordered]` is a word of the language before a hash literal, not a type.
        if written != "ordered" {
            self.resolve(node, &written);
        }
    }

    fn resolve(&mut self, node: Node<'a>, written: &str) -> Option<String> {
        if self.allowed.types.contains(&written.to_lowercase()) {
            self.checked.allowed.insert(written.to_owned());
            return None;
        }
        let full = self.profile.resolve(written);
        match &full {
            Some(full) => self.know(format!("[{full}]")),
            None => self.complain(node, &format!("there is no type {written}")),
        }
        full
    }

    fn member(&mut self, node: Node<'a>) {
        let Some(access) = node.parent() else { return };
        let name = self.script.of(node).to_owned();
        let on = children(access)[0];
        let given = called(access);
        let literal = on.kind() == "type_literal";
        let of = if literal { self.literal(on) } else { self.type_of(on) };
        let Some(of) = of else { return self.unknown_receiver(node, &name, given.is_some()) };
        if ["system.collections.hashtable", "system.collections.specialized.ordereddictionary"].contains(&of.as_str())
            && given.is_none()
        {
            return;
        }
        let Some(described) = self.profile.described(&of) else {
            return self.unknown_receiver(node, &name, given.is_some());
        };
        let members = if literal { &described.statics } else { &described.members };
        match members.get(&name.to_lowercase()) {
            None => self.complain(node, &format!("{of} has no {name}")),
            Some(Member { arguments: Some(numbers), .. }) if given.is_some_and(|given| !numbers.contains(&given)) => {
                self.complain(node, &format!("{of}.{name} does not take {} arguments", given.unwrap_or_default()));
            }
            Some(_) => self.know(format!("{of}.{}", name.to_lowercase())),
        }
    }

    fn unknown_receiver(&mut self, node: Node<'a>, name: &str, method: bool) {
        // What is called when something happens is added by a method that .NET itself writes so.
        if name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.starts_with("add_") {
            if method || !self.allowed.keys.contains(name) {
                self.complain(node, &format!("{name} is neither a key of data nor written as .NET writes a member"));
            }
        } else if self.allowed.members.contains(&name.to_lowercase()) {
            self.checked.allowed.insert(name.to_owned());
        } else if self.profile.any_member(name) {
            self.know(format!("?.{}", name.to_lowercase()));
        } else {
            self.complain(node, &format!("nothing has a member {name}"));
        }
    }

    fn literal(&self, node: Node<'a>) -> Option<String> {
        self.profile.resolve(self.script.of(node).strip_prefix('[')?.strip_suffix(']')?)
    }

    /// The full name of an expression's type, where it can be told.
    fn type_of(&self, node: Node<'a>) -> Option<String> {
        self.typed(node, 0)
    }

    fn typed(&self, node: Node<'a>, depth: usize) -> Option<String> {
        if depth > 40 {
            return None;
        }
        let known = |name: &str| Some(name.to_owned());
        let parts = children(node);
        let full = match node.kind() {
            "string_literal" | "expandable_string_literal" => known("System.String"),
            "hash_literal_expression" => known("System.Collections.Hashtable"),
            "cast_expression" => self.literal(parts[0]),
            "member_access" | "invokation_expression" => {
                let name = child(node, "member_name").map(|name| self.script.of(name).to_lowercase())?;
                let literal = parts[0].kind() == "type_literal";
                let of = if literal { self.literal(parts[0])? } else { self.typed(parts[0], depth + 1)? };
                let described: &Type = self.profile.described(&of)?;
                let members = if literal { &described.statics } else { &described.members };
                known(&members.get(&name)?.gives)
            }
            "element_access" => {
                let of = self.typed(parts[0], depth + 1)?;
                match of.strip_suffix("[]") {
                    Some(element) => known(element),
                    None => self.profile.described(&of)?.item.clone(),
                }
            }
            "variable" => self.variable(node, depth + 1),
            "command" => {
                let name = child(node, "command_name").map(|name| self.script.of(name))?;
                let elements = child(node, "command_elements").map(children)?;
                let made = elements.into_iter().find(|it| it.kind() == "generic_token")?;
                name.eq_ignore_ascii_case("New-Object").then(|| self.profile.resolve(self.script.of(made)))?
            }
            // An operator before an expression makes something else of it.
            "expression_with_unary_operator" if parts[0].kind() != "cast_expression" => None,
            _ => {
                let inner: Vec<Node<'a>> = parts.into_iter().filter(Node::is_named).collect();
                if inner.len() == 1 { self.typed(inner[0], depth + 1) } else { None }
            }
        }?;
        // What may be anything is not known.
        (!["system.object", "system.void"].contains(&full.to_lowercase().as_str())).then(|| full.to_lowercase())
    }

    /// The type of a variable that its scope assigns; `None` where assignments differ.
    fn variable(&self, node: Node<'a>, depth: usize) -> Option<String> {
        let name = self.script.of(node);
        let mut types = BTreeSet::new();
        let function = self.scope(node);
        if self.is_given(function, name) {
            return None;
        }
        for scope in [function, self.script.root()] {
            let assignments = below(scope).into_iter().filter(|it| it.kind() == "assignment_expression");
            for assignment in assignments.filter(|it| self.scope(*it) == scope) {
                let parts = children(assignment);
                let around = assignment.start_byte() <= node.start_byte() && assignment.end_byte() >= node.end_byte();
                if self.script.of(parts[0]).trim() == name && !around {
                    types.insert(self.typed(*parts.last()?, depth));
                }
            }
            if !types.is_empty() {
                break;
            }
        }
        let mut types = types.into_iter();
        types.next().filter(|_| types.next().is_none())?
    }

    /// Whether a variable is a parameter of a scope, or runs over something.
    fn is_given(&self, scope: Node<'a>, name: &str) -> bool {
        below(scope).into_iter().any(|node| match node.kind() {
            "function_parameter_declaration" | "script_parameter" => {
                below(node).iter().any(|it| it.kind() == "variable" && self.script.of(*it) == name)
            }
            "foreach_statement" => child(node, "variable").is_some_and(|it| self.script.of(it) == name),
            _ => false,
        })
    }

    /// The function around a node, else the whole script.
    fn scope(&self, node: Node<'a>) -> Node<'a> {
        above(node).find(|outer| outer.kind() == "function_statement").unwrap_or(self.script.root())
    }
}

/// The number of arguments of a call; `None` for a property.
fn called(access: Node<'_>) -> Option<usize> {
    // In an argument of a command the list stands beside the expression that ends with the member.
    let ends_here = |outer: &Node<'_>| outer.end_byte() == access.end_byte();
    let outer = std::iter::once(access).chain(above(access).take_while(ends_here)).find_map(|it| it.next_sibling());
    child(access, "argument_list").or(outer.filter(|next| next.kind() == "argument_list")).map(arguments)
}

fn arguments(list: Node<'_>) -> usize {
    let expressions = child(list, "argument_expression_list").map(children).unwrap_or_default();
    expressions.iter().filter(|it| it.kind() == "argument_expression").count()
}
