//! The frames around Kerberos' messages on their way to a host: GSS-API's (RFC 2743 3.1, RFC 4121 4.1) and SPNEGO's
//! (RFC 4178 4.2), of one mechanism alone, so that nobody between can talk the two sides into a weaker one.

use super::der;

/// 1.2.840.113554.1.2.2: Kerberos 5.
const KERBEROS: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02];
/// 1.3.6.1.5.5.2: SPNEGO.
const SPNEGO: [u8; 6] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x02];
/// The mark of an error inside GSS-API's frame.
const ERROR_TOKEN: [u8; 2] = [0x03, 0x00];
/// The states of a negotiation that a host tells: it is done; it wants nothing of it.
const COMPLETED: u8 = 0;
const REJECTED: u8 = 2;

/// Wraps a Kerberos token for `Authorization: Negotiate`.
pub fn offer(token: &[u8]) -> Vec<u8> {
    let mechanism = der::wrap(0x06, &[&KERBEROS]);
    let mechanisms = der::wrap(0xA0, &[&der::wrap(0x30, &[&mechanism])]);
    let token = der::wrap(0xA2, &[&der::wrap(0x04, &[token])]);
    let init = der::wrap(0xA0, &[&der::wrap(0x30, &[&mechanisms, &token])]);
    der::wrap(0x60, &[&der::wrap(0x06, &[&SPNEGO]), &init])
}

/// Kerberos' own answer in a host's answer to [`offer`], where there is one.
///
/// # Errors
///
/// What is wrong with it, or that the host has had enough.
pub fn answer(bytes: &[u8]) -> Result<Option<&[u8]>, String> {
    let fields = der::inside(bytes, 0xA1).and_then(|inside| der::inside(inside, 0x30));
    let fields = fields.ok_or("its answer is no SPNEGO")?;
    let state = der::field(fields, 0).and_then(|state| der::inside(state, 0x0A)).and_then(|state| state.first());
    let chosen = der::field(fields, 1).and_then(|mechanism| der::inside(mechanism, 0x06));
    if chosen.is_some_and(|mechanism| mechanism != KERBEROS) {
        return Err("it chose something else than Kerberos, which alone was offered".to_owned());
    }
    match state {
        Some(&COMPLETED) | None => Ok(der::field(fields, 2).and_then(|token| der::inside(token, 0x04))),
        Some(&REJECTED) => Err("it rejects by SPNEGO what it accepts by HTTP".to_owned()),
        Some(_) => Err("it wants more messages than Kerberos needs".to_owned()),
    }
}

/// The KRB-ERROR in a token of whatever frame; `None` where it holds something else.
pub fn error_inside(token: &[u8]) -> Option<&[u8]> {
    let negotiated = der::inside(token, 0xA1).and_then(|inside| der::inside(inside, 0x30));
    let token = match negotiated {
        Some(fields) => der::inside(der::field(fields, 2)?, 0x04)?,
        None => token,
    };
    let (first, _) = der::take(token)?;
    match first.tag {
        0x7E => Some(token),
        0x60 => {
            let (_, message) = der::take(first.content).filter(|(it, _)| it.tag == 0x06 && it.content == KERBEROS)?;
            message.strip_prefix(&ERROR_TOKEN)
        }
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The answer of a host that has opened the ticket.
    pub fn completed(token: Option<&[u8]>) -> Vec<u8> {
        reply(COMPLETED, &KERBEROS, token)
    }

    fn reply(state: u8, mechanism: &[u8], token: Option<&[u8]>) -> Vec<u8> {
        let state = der::wrap(0xA0, &[&der::wrap(0x0A, &[&[state]])]);
        let mechanism = der::wrap(0xA1, &[&der::wrap(0x06, &[mechanism])]);
        let token = token.map(|token| der::wrap(0xA2, &[&der::wrap(0x04, &[token])])).unwrap_or_default();
        der::wrap(0xA1, &[&der::wrap(0x30, &[&state, &mechanism, &token])])
    }

    #[test]
    fn an_offer_is_as_rfc_4178_has_it() {
        let expected = [
            &[0x60, 0x25, 6, 6][..],
            &SPNEGO,
            &[0xA0, 0x1B, 0x30, 0x19, 0xA0, 0x0D, 0x30, 0x0B, 6, 9],
            &KERBEROS,
            &[0xA2, 8, 4, 6],
            b"TICKET",
        ];
        assert_eq!(offer(b"TICKET"), expected.concat());
    }

    #[test]
    fn answers_are_told_apart() {
        let done = reply(0, &KERBEROS, Some(b"AP-REP"));
        assert_eq!(answer(&done), Ok(Some(b"AP-REP".as_slice())));
        assert_eq!(answer(&reply(0, &KERBEROS, None)), Ok(None));
        for token in [None, Some(b"AP-REP".as_slice())] {
            assert!(answer(&reply(2, &KERBEROS, token)).is_err_and(|why| why.contains("rejects")));
        }
        let ntlm = [0x2B, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10];
        assert!(answer(&reply(1, &ntlm, None)).is_err_and(|why| why.contains("something else")));
        assert!(answer(&reply(3, &KERBEROS, None)).is_err_and(|why| why.contains("more messages")));
        assert!(answer(b"<html>").is_err_and(|why| why.contains("no SPNEGO")));
    }

    #[test]
    fn an_error_is_found_in_every_frame() {
        let error = super::super::krb_error::tests::message(37, "20261121124956Z", None);
        let framed = der::wrap(0x60, &[&der::wrap(0x06, &[&KERBEROS]), &ERROR_TOKEN, &error]);
        let negotiated = reply(2, &KERBEROS, Some(&framed));
        for token in [&error, &framed, &negotiated] {
            assert_eq!(error_inside(token), Some(error.as_slice()));
        }
        let ap_rep = der::wrap(0x60, &[&der::wrap(0x06, &[&KERBEROS]), &[2, 0], b"AP-REP"]);
        assert_eq!(error_inside(&ap_rep), None);
        assert_eq!(error_inside(b"NTLMSSP"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_taken_without_panic(bytes: Vec<u8>) {
            let _ = answer(&bytes);
            let _ = error_inside(&bytes);
        }
    }
}
