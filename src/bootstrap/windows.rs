//! The versions of Windows Server, and what a bootstrap script finds on each.

use std::fmt;
use std::str::FromStr;

/// A version of Windows Server. A script for one serves those after it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Windows {
    /// Windows Server 2012.
    V2012,
    /// Windows Server 2012 R2.
    V2012R2,
    /// Windows Server 2016.
    V2016,
    /// Windows Server 2019.
    V2019,
    /// Windows Server 2022.
    V2022,
    /// Windows Server 2025.
    V2025,
}

impl Windows {
    /// All, oldest first.
    pub const ALL: [Windows; 6] =
        [Windows::V2012, Windows::V2012R2, Windows::V2016, Windows::V2019, Windows::V2022, Windows::V2025];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Windows::V2012 => "2012",
            Windows::V2012R2 => "2012r2",
            Windows::V2016 => "2016",
            Windows::V2019 => "2019",
            Windows::V2022 => "2022",
            Windows::V2025 => "2025",
        }
    }

    /// The least `Win32_OperatingSystem.Version` that has it.
    pub fn version(self) -> &'static str {
        match self {
            Windows::V2012 => "6.2.9200",
            Windows::V2012R2 => "6.3.9600",
            Windows::V2016 => "10.0.14393",
            Windows::V2019 => "10.0.17763",
            Windows::V2022 => "10.0.20348",
            Windows::V2025 => "10.0.26100",
        }
    }

    /// Whether OpenSSH's server is a capability of it (learn.microsoft.com, "Get started with OpenSSH for Windows").
    pub fn has_openssh(self) -> bool {
        self >= Windows::V2019
    }

    /// Whether `New-SelfSignedCertificate` lets one choose more than names and a store.
    pub fn has_rich_certificates(self) -> bool {
        self >= Windows::V2016
    }
}

impl fmt::Display for Windows {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

impl FromStr for Windows {
    type Err = String;

    fn from_str(text: &str) -> Result<Windows, String> {
        // `2012 R2`, `2012R2` and `2012-r2` are what people type.
        let word: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let known = || Windows::ALL.map(Windows::word).join(", ");
        let found = Windows::ALL.into_iter().find(|version| version.word().eq_ignore_ascii_case(&word));
        found.ok_or_else(|| format!("there is no Windows Server `{text}` here; there are {}", known()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_people_write_them() {
        let check = |text: &str, expected: Option<Windows>| assert_eq!(text.parse().ok(), expected, "{text}");
        check("2012 R2", Some(Windows::V2012R2));
        check("2012-r2", Some(Windows::V2012R2));
        check("2019", Some(Windows::V2019));
        check("2008", None);
        for version in Windows::ALL {
            check(version.word(), Some(version));
        }
    }
}
