//! The versions and editions of SQL Server.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// A version of SQL Server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Its name, such as `2019`.
    pub name: String,
    /// `ProductVersion`.
    pub product: String,
    /// The first line of `@@VERSION`.
    pub title: String,
    /// `ProductLevel`.
    pub level: String,
    /// What an instance's id in the registry begins with.
    pub registry: String,
    /// Compatibility level of new databases.
    pub compatibility: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Versions {
    version: Vec<Version>,
}

static VERSIONS: LazyLock<Versions> = LazyLock::new(|| {
    toml::from_str(include_str!("versions.toml")).unwrap_or_else(|error| unreachable!("versions.toml: {error}"))
});

impl Version {
    /// The version of a name.
    pub fn of(name: &str) -> Option<&'static Version> {
        VERSIONS.version.iter().find(|version| version.name == name)
    }

    /// Every version, oldest first.
    pub fn all() -> impl Iterator<Item = &'static Version> {
        VERSIONS.version.iter()
    }

    /// `ProductMajorVersion`.
    pub fn major(&self) -> i64 {
        self.parts()[0]
    }

    /// `ProductVersion` as four numbers.
    pub fn parts(&self) -> [i64; 4] {
        let mut parts = self.product.split('.').map(|part| part.parse().unwrap_or(0));
        std::array::from_fn(|_| parts.next().unwrap_or(0))
    }
}

/// An edition of SQL Server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edition {
    /// Standard.
    #[default]
    Standard,
    /// Enterprise.
    Enterprise,
    /// Developer.
    Developer,
    /// Express.
    Express,
    /// Web.
    Web,
    /// Azure SQL Database.
    AzureSqlDatabase,
    /// Azure SQL Managed Instance.
    ManagedInstance,
}

impl Edition {
    /// `EngineEdition`.
    pub fn engine(self) -> i64 {
        match self {
            Edition::Standard | Edition::Web => 2,
            Edition::Enterprise | Edition::Developer => 3,
            Edition::Express => 4,
            Edition::AzureSqlDatabase => 5,
            Edition::ManagedInstance => 8,
        }
    }

    /// `Edition`.
    pub fn title(self) -> &'static str {
        match self {
            Edition::Standard => "Standard Edition (64-bit)",
            Edition::Enterprise => "Enterprise Edition: Core-based Licensing (64-bit)",
            Edition::Developer => "Developer Edition (64-bit)",
            Edition::Express => "Express Edition (64-bit)",
            Edition::Web => "Web Edition (64-bit)",
            Edition::AzureSqlDatabase | Edition::ManagedInstance => "SQL Azure",
        }
    }

    /// The edition of a word, as inventories write it.
    pub fn of(word: &str) -> Option<Edition> {
        serde_json::from_value(serde_json::Value::String(word.to_ascii_lowercase())).ok()
    }
}
