//! What exists on one version of Windows, read from a compatibility profile of PSScriptAnalyzer.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

type Map<T> = HashMap<String, T>;

/// What exists on one version of Windows. Names are in lower case: PowerShell does not tell them apart.
#[derive(Default)]
pub struct Profile {
    /// What the profile is of, such as `Server 2012`.
    pub name: String,
    /// Commands with their parameters, aliases of parameters among them.
    pub commands: Map<Vec<String>>,
    /// Types by full name.
    pub types: Map<Type>,
    /// Short names of types, such as `regex`.
    pub accelerators: Map<String>,
}

/// A type.
#[derive(Default)]
pub struct Type {
    /// What is called on the type.
    pub statics: Map<Member>,
    /// What is called on an object.
    pub members: Map<Member>,
    /// Numbers of arguments of its constructors.
    pub constructors: Vec<usize>,
    /// The type of what `[…]` gives.
    pub item: Option<String>,
}

/// A member of a type.
#[derive(Clone, Default)]
pub struct Member {
    /// Its type, or the type that it returns.
    pub gives: String,
    /// Numbers of arguments that a method takes; `None` for a property or field, or where any number goes.
    pub arguments: Option<Vec<usize>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    runtime: Runtime,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Runtime {
    types: Types,
    modules: Map<Map<Module>>,
    common: Command,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Types {
    type_accelerators: Map<Accelerator>,
    assemblies: Map<Assembly>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Accelerator {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Assembly {
    types: Option<Map<Map<Described>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    r#static: Option<Members>,
    instance: Option<Members>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Members {
    fields: Option<Map<Typed>>,
    properties: Option<Map<Typed>>,
    methods: Option<Map<Method>>,
    constructors: Option<Vec<Vec<IgnoredAny>>>,
    indexers: Option<Vec<Indexer>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Typed {
    r#type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Method {
    return_type: Option<String>,
    overload_parameters: Option<Vec<Vec<Option<String>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Indexer {
    item_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Module {
    cmdlets: Option<Map<Command>>,
    functions: Option<Map<Command>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Command {
    parameters: Option<Map<serde_json::Value>>,
    parameter_aliases: Option<Map<String>>,
}

impl Profile {
    /// Reads a profile from its file.
    pub fn open(name: &str, path: &Path) -> Profile {
        let bytes = std::fs::read(path).unwrap();
        Profile::read(name, bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes))
    }

    /// Reads a profile.
    pub fn read(name: &str, json: &[u8]) -> Profile {
        let document: Document = serde_json::from_slice(json).unwrap();
        let mut profile = Profile { name: name.to_owned(), ..Profile::default() };
        let common = parameters(&document.runtime.common);
        for module in document.runtime.modules.into_values().flat_map(HashMap::into_values) {
            for (name, command) in module.cmdlets.into_iter().chain(module.functions).flatten() {
                let mut known = parameters(&command);
                known.extend(common.iter().cloned());
                profile.commands.insert(name.to_lowercase(), known);
            }
        }
        for (name, accelerator) in document.runtime.types.type_accelerators {
            profile.accelerators.insert(name.to_lowercase(), accelerator.r#type.to_lowercase());
        }
        let spaces = document.runtime.types.assemblies.into_values().filter_map(|assembly| assembly.types).flatten();
        for (space, types) in spaces {
            for (name, described) in types {
                profile.types.insert(format!("{space}.{name}").to_lowercase(), described.into());
            }
        }
        profile
    }

    /// The full name of a type as a script writes it; `None` where there is no such type.
    pub fn resolve(&self, written: &str) -> Option<String> {
        let written = written.to_lowercase();
        if let Some(element) = written.strip_suffix("[]") {
            return self.resolve(element).map(|name| format!("{name}[]"));
        }
        if let Some(full) = self.accelerators.get(&written) {
            return Some(full.clone());
        }
        [written.clone(), format!("system.{written}")].into_iter().find(|name| self.types.contains_key(name))
    }

    /// A type by its full name; arrays are `System.Array`.
    pub fn described(&self, full: &str) -> Option<&Type> {
        let full = full.to_lowercase();
        self.types.get(if full.ends_with("[]") { "system.array" } else { &full })
    }

    /// Whether any type has a member of this name that objects have.
    pub fn any_member(&self, name: &str) -> bool {
        self.types.values().any(|described| described.members.contains_key(&name.to_lowercase()))
    }
}

fn parameters(command: &Command) -> Vec<String> {
    let names = command.parameters.iter().flat_map(HashMap::keys);
    let aliases = command.parameter_aliases.iter().flat_map(HashMap::keys);
    names.chain(aliases).map(|name| name.to_lowercase()).collect()
}

impl From<Described> for Type {
    fn from(described: Described) -> Type {
        let constructors = described.instance.iter().filter_map(|it| it.constructors.as_ref()).flatten();
        let indexers = described.instance.iter().filter_map(|it| it.indexers.as_ref()).flatten();
        Type {
            constructors: constructors.map(Vec::len).collect(),
            item: { indexers }.find_map(|indexer| indexer.item_type.clone()),
            statics: described.r#static.map(members).unwrap_or_default(),
            members: described.instance.map(members).unwrap_or_default(),
        }
    }
}

fn members(of: Members) -> Map<Member> {
    let typed = of.fields.into_iter().chain(of.properties).flatten();
    let typed =
        typed.map(|(name, it)| (name.to_lowercase(), Member { gives: it.r#type.unwrap_or_default(), arguments: None }));
    let methods = of.methods.into_iter().flatten().map(|(name, method)| {
        let overloads = method.overload_parameters.unwrap_or_default();
        // The last parameter of an overload may take any number of arguments; the profile does not say which does.
        let open = overloads
            .iter()
            .any(|overload| overload.last().is_some_and(|last| last.as_ref().is_none_or(|last| last.ends_with("[]"))));
        let arguments = (!open).then(|| overloads.iter().map(Vec::len).collect());
        (name.to_lowercase(), Member { gives: method.return_type.unwrap_or_default(), arguments })
    });
    typed.chain(methods).collect()
}
