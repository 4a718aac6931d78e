//! The way to a port: its name, its addresses, and whether anybody answers there.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::check::{Check, Line, Sheet};
use crate::engine::Place;

/// How long an address may take to answer.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Finds a place and connects to it. `None` where that failed, with its lines on the sheet.
pub async fn reach(sheet: &mut Sheet, place: &Place, what_listens: &str) -> Option<TcpStream> {
    let (address, port) = match place.find().await {
        Ok(found) => found,
        Err(error) => {
            sheet.put(Line::failed_as_told(Check::Name, &error.to_string()));
            return None;
        }
    };
    let addresses = resolve(sheet, &address, port).await?;
    connect(sheet, &addresses, what_listens).await
}

async fn resolve(sheet: &mut Sheet, address: &str, port: u16) -> Option<Vec<SocketAddr>> {
    if let Ok(ip) = address.parse::<IpAddr>() {
        sheet.put(Line::passed(Check::Name, format!("{ip} is an address")));
        return Some(vec![SocketAddr::new(ip, port)]);
    }
    let advice = "check the name, the DNS servers of this machine, and `address:` in the inventory";
    match lookup_host((address, port)).await {
        Ok(found) => {
            let found: Vec<SocketAddr> = found.collect();
            let shown = found.iter().map(|it| it.ip().to_string()).collect::<Vec<_>>().join(", ");
            if found.is_empty() {
                sheet.put(Line::failed(Check::Name, format!("`{address}` has no address"), advice));
                return None;
            }
            sheet.put(Line::passed(Check::Name, format!("{address} is {shown}")));
            Some(found)
        }
        Err(_) => {
            sheet.put(Line::failed(Check::Name, format!("nobody knows the name `{address}`"), advice));
            None
        }
    }
}

/// Connects to the first address that answers.
async fn connect(sheet: &mut Sheet, addresses: &[SocketAddr], what_listens: &str) -> Option<TcpStream> {
    let mut failures = Vec::new();
    let mut refused = false;
    for address in addresses {
        let why = match timeout(CONNECT_PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                sheet.put(Line::passed(Check::Tcp, format!("{address} answers")));
                return Some(stream);
            }
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                refused = true;
                format!("{address} refused the connection")
            }
            Ok(Err(error)) => format!("{address}: {error}"),
            Err(_) => format!("{address} did not answer within {} s", CONNECT_PATIENCE.as_secs()),
        };
        failures.push(why);
    }
    let advice = if refused {
        format!("the host is up and nothing listens there: check the port, and that {what_listens}")
    } else {
        format!("check that the host is up, that no firewall stands between, and that {what_listens}")
    };
    sheet.put(Line::failed(Check::Tcp, failures.join(", "), advice));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Outcome;

    async fn tried(address: &str, port: u16) -> Vec<Outcome> {
        let mut sheet = Sheet::new([Check::Name, Check::Tcp]);
        let _ = reach(&mut sheet, &Place::At(address.to_owned(), port), "somebody listens").await;
        sheet.finish().iter().map(|line| line.outcome).collect()
    }

    #[tokio::test]
    async fn names_and_ports() {
        use Outcome::{Failed, NotReached, Passed};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(tried("127.0.0.1", port).await, [Passed, Passed]);
        assert_eq!(tried("localhost", port).await, [Passed, Passed]);
        assert_eq!(tried("no-such-host.invalid", port).await, [Failed, NotReached]);
        drop(listener);
        assert_eq!(tried("127.0.0.1", port).await, [Passed, Failed]);
    }
}
