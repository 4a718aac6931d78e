//! Why a text is no machine key that a farm can share.

/// What is wrong with a machine key. No message holds a digit of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MachineKeyError {
    /// The text is something else.
    #[error(
        "this is no machine key: write the element as it stands in web.config, \
         <machineKey validationKey=\"…\" decryptionKey=\"…\" validation=\"HMACSHA256\" decryption=\"AES\" />"
    )]
    NotAnElement,
    /// An attribute that is there twice.
    #[error("the attribute `{0}` is there twice")]
    Twice(String),
    /// An attribute that is not kept.
    #[error(
        "the attribute `{0}` is not kept with a machine key; \
         leave it out (validationKey, decryptionKey, validation, decryption and compatibilityMode are)"
    )]
    Unknown(String),
    /// A key that is not there.
    #[error("`{0}` is lacking")]
    Missing(&'static str),
    /// The key is made by each machine for itself.
    #[error(
        "`{0}` is AutoGenerate: every server makes a key of its own, so no other server accepts what it signed; \
         generate a key and share it"
    )]
    AutoGenerate(&'static str),
    /// The key is changed for each application.
    #[error(
        "`{0}` ends in `,{1}`: MachineKey.Protect, which SignalR uses, fails on it with \"invalid hex characters\"; \
         take `,{1}` away"
    )]
    Modifier(&'static str, &'static str),
    /// The key holds something else than digits.
    #[error("`{0}` is not hexadecimal: it holds something else than 0-9 and A-F")]
    NotHexadecimal(&'static str),
    /// The key has a length that does not fit.
    #[error("`{attribute}` has {digits} hexadecimal digits; {rule}")]
    Length {
        /// Which key.
        attribute: &'static str,
        /// How many digits it has.
        digits: usize,
        /// What it should have.
        rule: &'static str,
    },
    /// The key was typed, not drawn.
    #[error("`{0}` is a pattern, not random; generate a key")]
    Pattern(&'static str),
    /// Both keys are one.
    #[error("validationKey and decryptionKey are the same key; generate two")]
    SameKeys,
    /// The key stands where anybody can read it.
    #[error("`{attribute}` is published ({place}), so anybody can sign what this farm accepts; generate a key")]
    Published {
        /// Which key.
        attribute: &'static str,
        /// Where it stands.
        place: String,
    },
    /// An algorithm that MachineKey.Protect does not take.
    #[error(
        "validation=\"{0}\" does not work with compatibilityMode=\"Framework45\" or MachineKey.Protect, \
         which SignalR uses; write HMACSHA256 (SHA1, HMACSHA384 and HMACSHA512 work too)"
    )]
    Validation(String),
    /// An algorithm that is not taken.
    #[error("decryption=\"{0}\" is not taken; write AES (Auto and 3DES work too)")]
    Decryption(String),
    /// A mode that ASP.NET does not know.
    #[error("compatibilityMode=\"{0}\" is none; write Framework20SP1, Framework20SP2 or Framework45")]
    CompatibilityMode(String),
}

/// What is allowed and yet weaker than what farmhand generates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Weakness {
    /// validation="SHA1".
    #[error("validation=\"SHA1\" is outdated; a generated key uses HMACSHA256")]
    Sha1,
    /// decryption="3DES".
    #[error("decryption=\"3DES\" is outdated; a generated key uses AES")]
    TripleDes,
    /// A validation key of less than 64 bytes.
    #[error("validationKey is shorter than 128 hexadecimal digits")]
    ShortValidationKey,
    /// An AES key of less than 32 bytes.
    #[error("decryptionKey is shorter than 64 hexadecimal digits")]
    ShortDecryptionKey,
}
