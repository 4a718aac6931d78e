//! What is a machine key, and what only looks like one.

use proptest::prelude::*;

use super::*;

/// Digits that are no pattern and no key of anybody.
fn drawn(digits: usize) -> String {
    let mut state = 0x2545_F491_4F6C_DD1D_u64 ^ digits as u64;
    (0..digits)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from_digit(u32::try_from(state >> 60).unwrap(), 16).unwrap().to_ascii_uppercase()
        })
        .collect()
}

fn read(text: &str) -> Result<MachineKey, String> {
    MachineKey::parse(&SecretValue::new(text.to_owned()), &PublishedKeys::shipped()).map_err(|error| error.to_string())
}

fn element(validation_key: &str, decryption_key: &str, rest: &str) -> String {
    format!("<machineKey validationKey=\"{validation_key}\" decryptionKey=\"{decryption_key}\" {rest} />")
}

fn refused(validation_key: &str, decryption_key: &str, rest: &str, expected: &str) {
    let message = read(&element(validation_key, decryption_key, rest)).err().unwrap_or_default();
    assert!(message.starts_with(expected), "{message}\n{expected}");
    for key in [validation_key, decryption_key] {
        assert!(key.len() < 20 || !message.contains(&key[..16]), "a key in a message: {message}");
    }
}

#[test]
fn each_mistake_has_its_own_message() {
    let (vk, dk) = (&drawn(128), &drawn(64));
    let both = "validation='HMACSHA256' decryption='AES'";
    refused("AutoGenerate,IsolateApps", dk, both, "`validationKey` is AutoGenerate: every server makes a key");
    refused(vk, "autogenerate", both, "`decryptionKey` is AutoGenerate");
    refused(&format!("{vk},IsolateApps"), dk, both, "`validationKey` ends in `,IsolateApps`: MachineKey.Protect");
    refused(vk, &format!("{dk},isolatebyappid"), both, "`decryptionKey` ends in `,IsolateByAppId`");
    refused(&format!("{}G", &vk[1..]), dk, both, "`validationKey` is not hexadecimal");
    refused(vk, "", both, "`decryptionKey` has 0 hexadecimal digits; an AES key has 64");
    refused(&vk[..38], dk, both, "`validationKey` has 38 hexadecimal digits");
    refused(&vk[..127], dk, both, "`validationKey` has 127 hexadecimal digits");
    refused(vk, dk, "decryption='3DES'", "`decryptionKey` has 64 hexadecimal digits; a 3DES key has 48");
    refused(vk, dk, "validation='AES'", "validation=\"AES\" does not work with");
    refused(vk, dk, "validation='MD5'", "validation=\"MD5\" does not work with");
    refused(vk, dk, "validation='3DES'", "validation=\"3DES\" does not work with");
    refused(vk, dk, "decryption='DES'", "decryption=\"DES\" is not taken");
    refused(vk, dk, &format!("decryption='{vk}'"), "decryption=\"…\" is not taken");
    refused(vk, dk, "compatibilityMode='Framework99'", "compatibilityMode=\"Framework99\" is none");
    refused(vk, dk, "dataProtectorType='X'", "the attribute `dataProtectorType` is not kept");
    refused(&"AB".repeat(64), dk, both, "`validationKey` is a pattern");
    refused(&(0..64).map(|n| format!("{n:02X}")).collect::<String>(), dk, both, "`validationKey` is a pattern");
    refused(vk, &vk[..64], both, "validationKey and decryptionKey are the same key");
    assert_eq!(read("<machineKey decryptionKey='00'/>").err().unwrap(), "`validationKey` is lacking");
    assert!(read("hunter2").err().unwrap().starts_with("this is no machine key"));
}

/// The sample of Microsoft's reference, as many farms have copied it.
#[test]
fn a_key_that_is_published_is_refused_in_any_letter_case() {
    let sample = "87ac8f432c8db844a4efd024301ac1ab5808bee9d1870689b63794d33ee3b55c\
                  db315bb480721a107187561f388c6bef5b623bf31e2e725fc3f3f71a32ba5dfc";
    refused(sample, &drawn(64), "", "`validationKey` is published (validationKey of the sample in Microsoft's page");
    let decryption = "E001A307CCC8B1ADEA2C55B1246CDCFE8579576997FF92E7";
    refused(&drawn(128), decryption, "validation='SHA1'", "`decryptionKey` is published");
}

#[test]
fn an_older_key_is_taken_with_its_weaknesses() {
    let check = |validation: usize, decryption: usize, rest: &str, expected: &[Weakness]| {
        let key = read(&element(&drawn(validation), &drawn(decryption), rest)).unwrap();
        assert_eq!(key.weaknesses(), expected, "{rest}");
    };
    check(128, 64, "", &[]);
    check(128, 64, "validation='HMACSHA512' decryption='Auto'", &[]);
    check(128, 48, "validation='SHA1' decryption='AES'", &[Weakness::Sha1, Weakness::ShortDecryptionKey]);
    check(40, 48, "decryption='3DES'", &[Weakness::TripleDes, Weakness::ShortValidationKey]);
}

proptest! {
    #[test]
    fn a_generated_key_reads_back_as_it_was_kept(seed in any::<u64>()) {
        let mut state = seed | 1;
        let key = MachineKey::generate(|bytes| {
            for byte in bytes {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                *byte = u8::try_from(state >> 56).unwrap();
            }
        });
        let text = key.to_secret();
        let again = MachineKey::parse(&text, &PublishedKeys::shipped()).map_err(|error| error.to_string()).unwrap();
        prop_assert!(again.to_secret().expose() == text.expose());
        prop_assert!(again.validation_key().expose().len() == 128);
        prop_assert!(again.decryption_key().expose().len() == 64);
        prop_assert_eq!(again.weaknesses(), vec![]);
        prop_assert_eq!((again.validation(), again.decryption()), (Validation::HmacSha256, Decryption::Aes));
        prop_assert!(text.expose().contains("validation=\"HMACSHA256\" decryption=\"AES\" />"));
    }

    #[test]
    fn what_is_read_is_kept(mode in prop::sample::select(vec!["Framework20SP1", "Framework20SP2", "Framework45"])) {
        let rest = format!("validation='HMACSHA384' decryption='AES' compatibilityMode='{mode}'");
        let key = read(&element(&drawn(128).to_lowercase(), &drawn(32), &rest)).unwrap();
        let again = MachineKey::parse(&key.to_secret(), &PublishedKeys::shipped()).ok().unwrap();
        prop_assert_eq!(again.compatibility_mode().map(CompatibilityMode::as_str), Some(mode));
        prop_assert!(again.to_secret().expose() == key.to_secret().expose());
        let upper = drawn(128);
        prop_assert!(again.validation_key().expose() == upper);
    }
}
