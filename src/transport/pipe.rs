//! A process that already runs, through its standard streams.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{Received, SendError, Traffic, TransportError};

/// The standard streams of a process.
pub struct Pipe {
    host: String,
    output: Box<dyn AsyncRead + Send + Sync + Unpin>,
    input: Option<Box<dyn AsyncWrite + Send + Sync + Unpin>>,
    traffic: Traffic,
}

impl Pipe {
    /// Takes hold of a process's standard output and input. `host` names it in messages.
    pub fn new(
        host: &str,
        output: impl AsyncRead + Send + Sync + Unpin + 'static,
        input: impl AsyncWrite + Send + Sync + Unpin + 'static,
    ) -> Pipe {
        let traffic = Traffic { processes: 1, ..Traffic::default() };
        Pipe { host: host.to_owned(), output: Box::new(output), input: Some(Box::new(input)), traffic }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The process runs already; once its input is closed there is no second one.
    pub(super) fn start(&self) -> Result<(), TransportError> {
        match self.input {
            Some(_) => Ok(()),
            None => Err(self.lost("start", "this process cannot be started again", false)),
        }
    }

    pub(super) async fn send(&mut self, bytes: &[u8], end: bool) -> Result<(), SendError> {
        let Some(input) = self.input.as_mut() else {
            return Err(SendError { error: self.lost("send", "its input is closed", false), arrived: false });
        };
        let written = async {
            input.write_all(bytes).await?;
            input.flush().await
        };
        if let Err(error) = written.await {
            return Err(SendError { error: self.lost("send", &error.to_string(), true), arrived: true });
        }
        self.traffic.bytes_up += bytes.len() as u64;
        if end {
            self.input = None;
        }
        Ok(())
    }

    pub(super) async fn receive(&mut self, patience: Duration) -> Result<Received, TransportError> {
        let mut buffer = vec![0; 64 * 1024];
        let read = match timeout(patience, self.output.read(&mut buffer)).await {
            Err(_) => return Ok(Received::default()),
            Ok(Err(error)) => return Err(self.lost("receive", &error.to_string(), true)),
            Ok(Ok(read)) => read,
        };
        if read == 0 {
            return Ok(Received { stdout: Vec::new(), exit_code: Some(0) });
        }
        buffer.truncate(read);
        self.traffic.bytes_down += read as u64;
        Ok(Received { stdout: buffer, exit_code: None })
    }

    pub(super) fn close(&mut self) {
        self.input = None;
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.traffic
    }

    fn lost(&self, doing: &'static str, why: &str, sent: bool) -> TransportError {
        TransportError::Lost { host: self.host.clone(), doing, why: why.to_owned(), sent }
    }
}
