//! The moment of a login, which a host tells back in its proof (RFC 4120 3.2.4) and by which its client knows that the
//! proof is for this login (3.2.5).
//!
//! The crate `sspi` opens the proof and compares neither this nor the numbers that domain controllers tell back. So who
//! has recorded a login and its tickets could play all of it back, and would pass for the host.

use zeroize::Zeroizing;

use super::der;
use super::sealed_part::{AUTHENTICATOR, PROOF};

/// When a login's authenticator was made, and the ticket's key.
pub struct Moment {
    key: Zeroizing<Vec<u8>>,
    time: Vec<u8>,
    microseconds: i64,
}

impl Moment {
    /// That of a token, by the key of its ticket.
    ///
    /// # Errors
    ///
    /// That the token is not of the usual shape.
    pub fn of(token: &[u8], key: &[u8]) -> Result<Moment, String> {
        let opened = AUTHENTICATOR.open(token, key);
        let moment = opened.as_deref().and_then(|authenticator| moment(authenticator, 0x62, 5, 4));
        let (time, microseconds) = moment.ok_or("the token is not of the shape that a host can answer")?;
        Ok(Moment { key: Zeroizing::new(key.to_vec()), time, microseconds })
    }

    /// Whether a host's AP-REP tells it back.
    ///
    /// # Errors
    ///
    /// That it does not.
    pub fn check(&self, reply: &[u8]) -> Result<(), String> {
        let opened = PROOF.open(reply, &self.key);
        match opened.as_deref().and_then(|proof| moment(proof, 0x7B, 0, 1)) {
            Some((time, microseconds)) if time == self.time && microseconds == self.microseconds => Ok(()),
            Some(_) => Err("it is the proof of another login, which somebody may be playing back".to_owned()),
            None => Err("it does not tell which login it is for".to_owned()),
        }
    }
}

/// The time and its microseconds in a SEQUENCE of a tag; both fields by number.
fn moment(part: &[u8], tag: u8, time: u8, microseconds: u8) -> Option<(Vec<u8>, i64)> {
    let fields = der::inside(der::inside(part, tag)?, 0x30)?;
    let time = der::inside(der::field(fields, time)?, 0x18)?;
    Some((time.to_vec(), der::integer(der::field(fields, microseconds)?)?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::sealed_part::{Kind, cipher};
    use super::*;

    fn field(number: u8, tag: u8, content: &[u8]) -> Vec<u8> {
        der::wrap(0xA0 | number, &[&der::wrap(tag, &[content])])
    }

    /// A token with a part that is sealed by a key.
    fn token(kind: &Kind, id: [u8; 2], tag: u8, number: u8, plain: &[u8], key: &[u8]) -> Vec<u8> {
        let sealed = cipher(key).encrypt(key, kind.usage, plain).unwrap();
        let encrypted = der::wrap(0x30, &[&field(2, 0x04, &sealed)]);
        let message = der::wrap(tag, &[&der::wrap(0x30, &[&der::wrap(0xA0 | number, &[&encrypted])])]);
        der::wrap(0x60, &[&der::wrap(0x06, &[&[42]]), &id, &message])
    }

    fn request(time: &[u8], microseconds: &[u8], key: &[u8]) -> Vec<u8> {
        let fields = [field(4, 0x02, microseconds), field(5, 0x18, time)].concat();
        token(&AUTHENTICATOR, [1, 0], 0x6E, 4, &der::wrap(0x62, &[&der::wrap(0x30, &[&fields])]), key)
    }

    fn reply(time: &[u8], microseconds: &[u8], key: &[u8]) -> Vec<u8> {
        let fields = [field(0, 0x18, time), field(1, 0x02, microseconds)].concat();
        token(&PROOF, [2, 0], 0x6F, 2, &der::wrap(0x7B, &[&der::wrap(0x30, &[&fields])]), key)
    }

    /// The moment of no login.
    pub fn none() -> Moment {
        Moment { key: Zeroizing::new(vec![7; 32]), time: Vec::new(), microseconds: 0 }
    }

    #[test]
    fn a_proof_is_for_its_own_login_alone() {
        for key in [&[7; 32][..], &[7; 16]] {
            // Four bytes of a number are what `sspi` writes, and one is how hosts tell it back.
            let asked = Moment::of(&request(b"20261122010203Z", &[0, 0, 0, 9], key), key).unwrap();
            let check = |time: &[u8], microseconds: u8, expected: Option<&str>| {
                let why = asked.check(&reply(time, &[microseconds], key)).err();
                assert_eq!(why.is_some(), expected.is_some(), "{why:?}");
                assert!(why.unwrap_or_default().contains(expected.unwrap_or_default()));
            };
            check(b"20261122010203Z", 9, None);
            check(b"20261122010203Z", 8, Some("another login"));
            check(b"20261122010202Z", 9, Some("another login"));
            check(b"", 9, Some("another login"));
            let other: Vec<u8> = key.iter().map(|byte| byte ^ 1).collect();
            assert!(asked.check(&reply(b"20261122010203Z", &[9], &other)).is_err());
            assert!(asked.check(&request(b"20261122010203Z", &[9], key)).is_err());
            assert!(asked.check(b"<html>").is_err());
            assert!(Moment::of(&reply(b"20261122010203Z", &[9], key), key).is_err());
        }
    }
}
