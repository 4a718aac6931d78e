//! A security context of the crate `sspi`, whatever its mechanism: its tokens, and the sealing that follows from them.

use sspi::{
    BufferType, ClientRequestFlags, DataRepresentation, EncryptionFlags, SecurityBuffer, SecurityBufferRef,
    SecurityStatus, Sspi, SspiImpl,
};

use super::seal::Sealed;

/// The client's next token in answer to one, of a mechanism that asks nobody but the host; the first one answers
/// nothing. `bindings` is SEC_CHANNEL_BINDINGS, for mechanisms that are told so.
///
/// # Errors
///
/// What is wrong with the host's token.
pub fn advance<C>(
    context: &mut C,
    credentials: &mut C::CredentialsHandle,
    token: Vec<u8>,
    bindings: Option<&[u8]>,
) -> Result<(SecurityStatus, Vec<u8>), String>
where
    C: Sspi + SspiImpl,
{
    let mut input = vec![SecurityBuffer::new(token, BufferType::Token)];
    input.extend(bindings.map(|bytes| SecurityBuffer::new(bytes.to_vec(), BufferType::ChannelBindings)));
    let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
    let mut builder = context
        .initialize_security_context()
        .with_credentials_handle(credentials)
        .with_context_requirements(ClientRequestFlags::CONFIDENTIALITY | ClientRequestFlags::INTEGRITY)
        .with_target_data_representation(DataRepresentation::Native)
        .with_input(&mut input)
        .with_output(&mut output);
    let result = context
        .initialize_security_context_impl(&mut builder)
        .and_then(|mut generator| generator.resolve_to_result())
        .map_err(|error| words(&error))?;
    let [token] = output;
    Ok((result.status, token.buffer))
}

/// Seals a message. Its memory is taken and holds ciphertext afterwards.
///
/// # Errors
///
/// Why it cannot.
pub fn seal(context: &mut impl Sspi, mut message: Vec<u8>) -> Result<Sealed, String> {
    let sizes = context.query_context_sizes().map_err(|error| words(&error))?;
    let mut header = vec![0; usize::try_from(sizes.security_trailer).unwrap_or_default()];
    let mut buffers = [SecurityBufferRef::token_buf(&mut header), SecurityBufferRef::data_buf(&mut message)];
    context.encrypt_message(EncryptionFlags::empty(), &mut buffers).map_err(|error| words(&error))?;
    Ok(Sealed { header, data: message })
}

/// Opens a sealed message and checks its signature and, with NTLM, its place in the order.
///
/// # Errors
///
/// What does not hold.
pub fn unseal(context: &mut impl Sspi, sealed: Sealed) -> Result<Vec<u8>, String> {
    let Sealed { mut header, mut data } = sealed;
    let mut buffers = [SecurityBufferRef::token_buf(&mut header), SecurityBufferRef::data_buf(&mut data)];
    context.decrypt_message(&mut buffers).map_err(|error| words(&error))?;
    let [_, plain] = &buffers;
    Ok(plain.data().to_vec())
}

/// An error of the crate's in one line.
pub fn words(error: &sspi::Error) -> String {
    error.description.split_whitespace().collect::<Vec<_>>().join(" ")
}
