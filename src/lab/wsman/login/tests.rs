//! Logins that must not pass, and those that must.

use super::*;
use crate::transport::winrm::{Account as ClientAccount, ClientLogin, SpnegoClient};
use crate::value::SecretValue;

fn account(domain: &str, user: &str, password: &str) -> Account {
    Account { domain: domain.to_owned(), user: user.to_owned(), password: SecretValue::new(password.to_owned()) }
}

fn accounts() -> Accounts {
    Accounts(vec![account("LAB", "operator", "right"), account("LAB", "other", "theirs"), account("", "/guest", "x")])
}

fn terms(accounts: &Accounts) -> Terms<'_> {
    Terms { accounts, secured: None, hardening: Hardening::default() }
}

/// The proof of a client, and the login that waits for it.
fn proof(user: &str, password: &str) -> (Vec<u8>, Login) {
    let mut client = ClientLogin::new(&ClientAccount::new(user, SecretValue::new(password.to_owned())), None);
    let Step::Challenge(challenge, login) = Login::Fresh.step(client.negotiate().unwrap(), &terms(&accounts())) else {
        panic!("no challenge");
    };
    (client.authenticate(challenge).unwrap(), login)
}

fn check_denied(step: Step, why: &str) {
    match step {
        Step::Denied(said) => assert!(said.contains(why), "{said}"),
        Step::Challenge(..) | Step::Accepted(..) => panic!("not denied"),
    }
}

#[test]
fn the_right_password_passes_whatever_the_users_letter_case() {
    for user in ["LAB\\operator", "LAB\\OPERATOR"] {
        let (proof, login) = proof(user, "right");
        let Step::Accepted(_, sealer) = login.step(proof, &terms(&accounts())) else {
            panic!("{user} was not accepted")
        };
        assert_eq!(sealer.user(), "LAB\\operator");
    }
}

#[test]
fn a_password_is_good_for_its_own_account_alone() {
    for (user, password, why) in [
        ("LAB\\operator", "wrong", "credential"),
        ("LAB\\operator", "theirs", "credential"),
        ("LAB\\nobody", "right", "no account"),
        ("lab\\operator", "right", "no account"),
        ("operator", "right", "no account"),
    ] {
        let (proof, login) = proof(user, password);
        check_denied(login.step(proof, &terms(&accounts())), why);
    }
}

#[test]
fn a_proof_without_integrity_code_is_not_looked_at() {
    let (mut proof, login) = proof("LAB\\operator", "wrong");
    // MsvAvFlags, four bytes long, with the bit that promises a code.
    let at = proof.windows(8).position(|window| window == [6, 0, 4, 0, 2, 0, 0, 0]).unwrap();
    proof[at + 4] = 0;
    let Login::Ntlm(mut ntlm) = login else { panic!("not bare NTLM") };
    let copy = Login::Ntlm(ntlm.clone());
    check_denied(copy.step(proof.clone(), &terms(&accounts())), "integrity code");

    // The library by itself takes it, with a wrong password: this is why the check is there.
    accept(ntlm.as_mut(), proof, None).unwrap();
    ntlm.custom_set_auth_identity(identity(&accounts().0[0]).unwrap()).unwrap();
    assert!(ntlm.complete_auth_token(&mut []).is_ok());
}

#[test]
fn weak_promises_are_refused_at_the_login() {
    for (bit, name) in [(5, "sealing"), (19, "extended session security"), (29, "128-bit keys")] {
        let (mut proof, login) = proof("LAB\\operator", "right");
        proof[60 + bit / 8] &= !(1 << (bit % 8));
        check_denied(login.step(proof, &terms(&accounts())), name);
    }
}

#[test]
fn tokens_out_of_order_are_refused() {
    let (proof, _) = proof("LAB\\operator", "right");
    check_denied(Login::Fresh.step(proof, &terms(&accounts())), "beginning");
    check_denied(Login::Fresh.step(Vec::new(), &terms(&accounts())), "beginning");
    check_denied(Login::Fresh.step(b"NTLMSSP\0\x01\0\0\0".to_vec(), &terms(&accounts())), "");
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, length[0], length[1]], content].concat()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(0x30, &parts.concat())
}

/// NegTokenInit with NTLM as the only mechanism.
fn spnego_first(token: &[u8]) -> Vec<u8> {
    let ntlm = [0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a];
    let parts = [der(0xa0, &sequence(&[ntlm.to_vec()])), der(0xa2, &der(0x04, token))];
    let spnego = vec![0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
    // Lengths below 128 take one byte in DER, and the reader insists.
    shorten(&der(0x60, &[spnego, der(0xa0, &sequence(&parts))].concat()))
}

/// NegTokenResp that says "complete" and holds no mechListMIC.
fn spnego_last(token: &[u8]) -> Vec<u8> {
    let parts = [der(0xa0, &[0x0a, 0x01, 0x00]), der(0xa2, &der(0x04, token))];
    shorten(&der(0xa1, &sequence(&parts)))
}

/// The same DER with each length in its shortest form.
fn shorten(bytes: &[u8]) -> Vec<u8> {
    let [tag, form, rest @ ..] = bytes else { return bytes.to_vec() };
    let (content, after) = match form {
        0x82 => {
            let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
            rest[2..].split_at(length)
        }
        length => rest.split_at(usize::from(*length)),
    };
    let content = if tag & 0x20 == 0 { content.to_vec() } else { shorten(content) };
    let length = content.len();
    let head = match u8::try_from(length) {
        Ok(short) if short < 0x80 => vec![*tag, short],
        Ok(byte) => vec![*tag, 0x81, byte],
        Err(_) => [&[*tag, 0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    let after = if after.is_empty() { Vec::new() } else { shorten(after) };
    [head, content, after].concat()
}

#[test]
fn a_guest_does_not_pass_with_any_password() {
    for password in ["x", "wrong"] {
        let mut client = ClientLogin::new(&ClientAccount::new("/guest", SecretValue::new(password.to_owned())), None);
        let first = spnego_first(&client.negotiate().unwrap());
        let Step::Challenge(answer, login) = Login::Fresh.step(first, &terms(&accounts())) else {
            panic!("no challenge");
        };
        let at = answer.windows(8).position(|window| window == b"NTLMSSP\0").unwrap();
        let proof = client.authenticate(answer[at..].to_vec()).unwrap();
        // The library by itself says that this login is complete.
        let Login::Spnego(negotiate) = &login else { panic!("not SPNEGO") };
        let (status, _) = accept(&mut negotiate.as_ref().clone(), spnego_last(&proof), None).unwrap();
        assert_eq!(status, SecurityStatus::Ok);
        check_denied(login.step(spnego_last(&proof), &terms(&accounts())), "");
    }
}

/// The client's side of SPNEGO, challenged, and the challenge.
fn challenged(binding: Option<&[u8]>) -> (SpnegoClient, Vec<u8>, Login) {
    let account = ClientAccount::new("LAB\\operator", SecretValue::new("right".to_owned()));
    let mut client = SpnegoClient::new(&account, binding).unwrap();
    let first = client.step(Vec::new()).unwrap();
    let Step::Challenge(challenge, login) = Login::Fresh.step(first, &terms(&accounts())) else {
        panic!("no challenge");
    };
    (client, challenge, login)
}

#[test]
fn a_login_is_bound_to_its_connection_as_the_host_asks() {
    let secured = Secured { end_point: b"tls-server-end-point:here".to_vec(), client: None };
    let (here, there) = (b"tls-server-end-point:here".as_slice(), b"tls-server-end-point:there".as_slice());
    for (hardening, binding, passes) in [
        (Hardening::Off, None, true),
        (Hardening::Off, Some(there), true),
        (Hardening::Relaxed, None, true),
        (Hardening::Relaxed, Some(here), true),
        (Hardening::Relaxed, Some(there), false),
        (Hardening::Strict, None, false),
        (Hardening::Strict, Some(here), true),
        (Hardening::Strict, Some(there), false),
    ] {
        let accounts = accounts();
        let terms = Terms { accounts: &accounts, secured: Some(&secured), hardening };
        let accepted = |step: Step| matches!(step, Step::Accepted(..));
        let account = ClientAccount::new("LAB\\operator", SecretValue::new("right".to_owned()));
        let mut client = ClientLogin::new(&account, binding);
        let Step::Challenge(challenge, login) = Login::Fresh.step(client.negotiate().unwrap(), &terms) else {
            panic!("no challenge");
        };
        let proof = client.authenticate(challenge).unwrap();
        assert_eq!(accepted(login.step(proof, &terms)), passes, "NTLM, {hardening:?}, {binding:?}");

        let (mut client, challenge, login) = challenged(binding);
        let proof = client.step(challenge).unwrap();
        assert_eq!(accepted(login.step(proof, &terms)), passes, "SPNEGO, {hardening:?}, {binding:?}");
    }
}

#[test]
fn an_acceptance_that_does_not_vouch_for_the_agreement_is_not_taken() {
    let (mut client, challenge, login) = challenged(None);
    let proof = client.step(challenge).unwrap();
    let Step::Accepted(mut last, _) = login.step(proof, &terms(&accounts())) else { panic!("not accepted") };
    assert!(client.finish(None).is_err());

    let end = last.len() - 1;
    last[end] ^= 1;
    let (mut client, challenge, _) = challenged(None);
    client.step(challenge).unwrap();
    assert!(client.finish(Some(last)).is_err());

    let (mut client, ..) = challenged(None);
    assert!(client.finish(None).is_err(), "before any challenge");
}

proptest::proptest! {
    /// A host may send anything.
    #[test]
    fn the_client_takes_any_token_without_panic(
        at in proptest::prelude::any::<proptest::sample::Index>(),
        byte: u8,
        cut in proptest::prelude::any::<proptest::sample::Index>(),
        noise in proptest::prelude::any::<Vec<u8>>(),
    ) {
        let (_, challenge, _) = challenged(None);
        let mut changed = challenge.clone();
        let place = at.index(changed.len());
        changed[place] = byte;
        for token in [changed, challenge[..cut.index(challenge.len())].to_vec(), noise.clone()] {
            let (mut client, ..) = challenged(None);
            let _ = client.step(token.clone());
            let _ = client.finish(Some(token));
            let (mut client, challenge, _) = challenged(None);
            client.step(challenge).unwrap();
            let _ = client.finish(Some(noise.clone()));
        }
    }
}
