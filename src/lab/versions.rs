//! The versions of Windows Server and what tells them apart.

use std::sync::LazyLock;

use serde::Deserialize;

use super::LabError;

/// A version of Windows Server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// Its name in the lab, such as `2012R2`.
    pub name: String,
    /// Product name, such as `Windows Server 2012 R2 Standard`.
    pub os: String,
    /// Version, such as `6.3.9600`.
    pub os_version: String,
    /// Version of its IIS as `major.minor`.
    pub iis: String,
    /// Version of its IIS with the build, to which the schema's `since` is compared.
    pub iis_build: Build,
    /// Version of Windows PowerShell in the box.
    pub powershell: String,
    /// `Release` of the .NET Framework 4 in the box.
    pub dotnet_release: u32,
    /// Features of other versions that this one does not have.
    pub lacks: Vec<String>,
}

/// A version as numbers, compared part by part; a missing part counts as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Build([u32; 3]);

impl TryFrom<String> for Build {
    type Error = String;

    fn try_from(text: String) -> Result<Build, String> {
        let mut parts = [0; 3];
        for (index, part) in text.split('.').enumerate() {
            let slot = parts.get_mut(index).ok_or_else(|| format!("`{text}` has more than three parts"))?;
            *slot = part.parse().map_err(|_| format!("`{text}` is not a version"))?;
        }
        Ok(Build(parts))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Versions {
    windows: Vec<Windows>,
}

static VERSIONS: LazyLock<Versions> = LazyLock::new(|| {
    toml::from_str(include_str!("versions.toml")).unwrap_or_else(|error| unreachable!("versions.toml: {error}"))
});

impl Windows {
    /// The version of a name.
    ///
    /// # Errors
    /// When there is none, with the names there are.
    pub fn of(name: &str) -> Result<&'static Windows, LabError> {
        Windows::all().iter().find(|windows| windows.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
            let known: Vec<&str> = Windows::all().iter().map(|windows| windows.name.as_str()).collect();
            LabError::Windows { name: name.to_owned(), known: known.join(", ") }
        })
    }

    /// Every version, oldest first.
    pub fn all() -> &'static [Windows] {
        &VERSIONS.windows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart_by_number() {
        let build = |text: &str| Build::try_from(text.to_owned()).unwrap();
        assert!(build("8.0.9200") < build("8.5"));
        assert!(build("8.5.9600") < build("10.0"));
        assert!(build("10.0.14393") < build("10.0.17763"));
        assert!(Build::try_from("8.x".to_owned()).is_err());
    }

    #[test]
    fn a_version_that_is_not_there_is_refused_with_those_that_are() {
        assert_eq!(Windows::of("2012r2").unwrap().iis, "8.5");
        let error = Windows::of("2008").unwrap_err().to_string();
        assert_eq!(error, "the lab has no Windows `2008`; there are 2012, 2012R2, 2016, 2019, 2022, 2025");
    }
}
