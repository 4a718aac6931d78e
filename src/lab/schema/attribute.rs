//! One attribute of the schema: its type, its limits, and its values in the schema's own words.

use serde::Deserialize;

use super::text;
use crate::lab::versions::Build;

/// An attribute.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeSchema {
    /// Its name; letter case counts.
    pub name: String,
    /// What values it takes.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether an item cannot be without it.
    #[serde(default)]
    pub required: bool,
    /// Whether it is stored encrypted.
    #[serde(default)]
    pub encrypted: bool,
    /// Whether it is kept elsewhere than in the file.
    #[serde(default)]
    pub outside: bool,
    /// The first version that knows it.
    #[serde(default)]
    pub since: Build,
    #[serde(default)]
    default: String,
    min: Option<i64>,
    max: Option<i64>,
    step: Option<i64>,
    #[serde(default)]
    values: Vec<String>,
    #[serde(default)]
    later: Vec<Later>,
}

/// What a later version has otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Later {
    since: Build,
    default: Option<String>,
    max: Option<i64>,
}

/// What values an attribute takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Any text.
    String,
    /// `true` or `false`.
    Bool,
    /// 0 to 4294967295.
    Uint,
    /// A 32-bit integer.
    Int,
    /// A 64-bit integer.
    Int64,
    /// One of some names.
    Enum,
    /// Any of some names.
    Flags,
    /// A time span, limits in seconds.
    Timespan,
}

impl Kind {
    /// The type's name in the schema files of IIS.
    pub fn word(self) -> &'static str {
        match self {
            Kind::String => "string",
            Kind::Bool => "bool",
            Kind::Uint => "uint",
            Kind::Int => "int",
            Kind::Int64 => "int64",
            Kind::Enum => "enum",
            Kind::Flags => "flags",
            Kind::Timespan => "timeSpan",
        }
    }
}

/// Attributes that are secret whatever their schema says: parts of names in lower case.
const SECRET_NAMES: &[&str] = &["password", "connectionstring"];
const SECRET_KEYS: &[&str] = &["validationkey", "decryptionkey"];

impl AttributeSchema {
    /// Its default on a version; empty for none.
    pub fn default(&self, build: Build) -> &str {
        let mut later = self.later.iter().rev().filter(|later| later.since <= build);
        later.find_map(|later| later.default.as_deref()).unwrap_or(&self.default)
    }

    /// The names of its values, in the schema's order.
    pub fn words(&self) -> &[String] {
        &self.values
    }

    /// Whether its value is told by MAC alone.
    pub fn secret(&self, section: &str) -> bool {
        let name = self.name.to_ascii_lowercase();
        self.encrypted
            || SECRET_NAMES.iter().any(|part| name.contains(part))
            || SECRET_KEYS.contains(&name.as_str())
            || (section == "appSettings" && name == "value")
    }

    /// A value in the schema's own words.
    ///
    /// # Errors
    /// When it is not a value of this attribute on this version: what IIS says of it.
    pub fn normalise(&self, value: &str, build: Build) -> Result<String, String> {
        match self.kind {
            Kind::String => Ok(value.to_owned()),
            Kind::Bool => match value.to_ascii_lowercase().as_str() {
                "true" => Ok("true".to_owned()),
                "false" => Ok("false".to_owned()),
                _ => Err("Value must be either true or false".to_owned()),
            },
            Kind::Uint => self.integer(value, 0, i64::from(u32::MAX), build),
            Kind::Int => self.integer(value, i64::from(i32::MIN), i64::from(i32::MAX), build),
            Kind::Int64 => self.integer(value, i64::MIN, i64::MAX, build),
            Kind::Enum => self.name_of(value).ok_or_else(|| format!("Enum must be one of {}", self.values.join(", "))),
            Kind::Flags => self.flags(value),
            Kind::Timespan => self.timespan(value),
        }
    }

    fn integer(&self, value: &str, lowest: i64, highest: i64, build: Build) -> Result<String, String> {
        let later = self.later.iter().rev().filter(|later| later.since <= build).find_map(|later| later.max);
        let (min, max) = (self.min.unwrap_or(lowest), later.or(self.max).unwrap_or(highest));
        let number = text::integer(value).filter(|number| (lowest..=highest).contains(number));
        let number = number.ok_or_else(|| "Value must be an integer".to_owned())?;
        if (min..=max).contains(&number) {
            Ok(number.to_string())
        } else {
            Err(format!("Integer value must be between {min} and {max} inclusive"))
        }
    }

    fn name_of(&self, value: &str) -> Option<String> {
        self.values.iter().find(|name| name.eq_ignore_ascii_case(value)).cloned()
    }

    fn flags(&self, value: &str) -> Result<String, String> {
        let mut set = Vec::new();
        for part in value.split([',', '|']).map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = || format!("Flags must be some combination of {}", self.values.join(", "));
            set.push(self.name_of(part).ok_or_else(wrong)?);
        }
        let ordered = self.values.iter().filter(|name| set.contains(name)).map(String::as_str);
        Ok(ordered.collect::<Vec<_>>().join(", "))
    }

    fn timespan(&self, value: &str) -> Result<String, String> {
        let seconds = text::timespan_seconds(value).ok_or_else(|| "Value must be a time span".to_owned())?;
        let (min, max) = (self.min.unwrap_or(0), self.max.unwrap_or(i64::from(u32::MAX)));
        if !(min..=max).contains(&seconds) {
            let (min, max) = (text::timespan(min), text::timespan(max));
            return Err(format!("Timespan value must be between {min} and {max} seconds inclusive"));
        }
        match self.step {
            Some(step) if seconds % step != 0 => {
                Err(format!("Timespan value must have a granularity of {step} seconds"))
            }
            _ => Ok(text::timespan(seconds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(row: &str) -> AttributeSchema {
        toml::from_str(&format!("name = 'x'\n{row}")).unwrap()
    }

    #[test]
    fn values_are_told_in_the_schemas_words() {
        let build = Build::default();
        let check = |row: &str, value: &str, expected: Result<&str, &str>| {
            let told = attribute(row).normalise(value, build);
            assert_eq!(told.as_deref().map_err(String::as_str), expected, "{row} {value}");
        };
        check("type = 'bool'", "True", Ok("true"));
        check("type = 'bool'", "1", Err("Value must be either true or false"));
        check("type = 'uint'\nmin = 10\nmax = 65535", "0010", Ok("10"));
        check("type = 'uint'\nmin = 10\nmax = 65535", "9", Err("Integer value must be between 10 and 65535 inclusive"));
        check("type = 'uint'", "-1", Err("Value must be an integer"));
        check("type = 'uint'", "0x10", Ok("16"));
        check("type = 'enum'\nvalues = ['OnDemand', 'AlwaysRunning']", "alwaysrunning", Ok("AlwaysRunning"));
        check("type = 'enum'\nvalues = ['A', 'B']", "C", Err("Enum must be one of A, B"));
        check("type = 'flags'\nvalues = ['A', 'B', 'C']", "C,a", Ok("A, C"));
        check("type = 'flags'\nvalues = ['A', 'B', 'C']", "", Ok(""));
        check("type = 'timespan'", "29:00:00", Ok("1.05:00:00"));
        check("type = 'timespan'\nstep = 60", "00:00:30", Err("Timespan value must have a granularity of 60 seconds"));
    }

    #[test]
    fn secrets_are_known_by_name_too() {
        for (name, section, expected) in [
            ("password", "x", true),
            ("sqlConnectionString", "x", true),
            ("validationKey", "system.web/machineKey", true),
            ("validation", "system.web/machineKey", false),
            ("value", "appSettings", true),
            ("value", "x", false),
        ] {
            let row: AttributeSchema = toml::from_str(&format!("name = '{name}'\ntype = 'string'")).unwrap();
            assert_eq!(row.secret(section), expected, "{name} of {section}");
        }
    }
}
