//! Blocks of a hundred ports on loopback, one for each stack.
//!
//! A block is held by listening on its last port: a stack keeps its block while its servers are down, and two harnesses
//! never choose the same one.

use crate::error::ServerError;
use crate::limits::{FIRST_PORT, PORT_BLOCKS};
use std::net::{Ipv4Addr, TcpListener};

/// The ports of one stack, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ports {
    base: u16,
}

impl Ports {
    /// Where clients reach the NameNode; its HTTP port and the DataNode's three follow.
    pub fn namenode(self) -> u16 {
        self.base
    }

    /// CQL.
    pub fn cql(self) -> u16 {
        self.base + 42
    }

    /// Cassandra among itself; the port after it is the same over TLS.
    pub fn storage(self) -> u16 {
        self.base + 70
    }

    /// Kafka without security.
    pub fn kafka(self) -> u16 {
        self.base + 92
    }

    /// Kafka's controller.
    pub fn controller(self) -> u16 {
        self.base + 93
    }

    /// Kafka with SCRAM over TLS.
    pub fn scram(self) -> u16 {
        self.base + 94
    }

    /// Kafka with client certificates.
    pub fn mutual(self) -> u16 {
        self.base + 95
    }

    /// Kafka with a plain password.
    pub fn password(self) -> u16 {
        self.base + 96
    }

    fn all(self) -> impl Iterator<Item = u16> {
        (0..5).chain([42, 70, 71]).chain(92..97).map(move |offset| self.base + offset)
    }
}

/// A block and the socket that holds it.
#[derive(Debug)]
pub struct Block {
    /// Its ports.
    pub ports: Ports,
    _held: TcpListener,
}

/// Takes a free block; where the search begins depends on the process, so that two of them rarely meet.
pub fn take() -> Result<Block, ServerError> {
    let first = std::process::id() as u16 % PORT_BLOCKS;
    for step in 0..PORT_BLOCKS {
        let base = FIRST_PORT + (first + step) % PORT_BLOCKS * 100;
        let Ok(held) = listen(base + 99) else { continue };
        let ports = Ports { base };
        if ports.all().all(|port| listen(port).is_ok()) {
            return Ok(Block { ports, _held: held });
        }
    }
    Err(ServerError::Ports)
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_stacks_never_share_a_block() {
        let (one, other) = (take().unwrap(), take().unwrap());
        assert_ne!(one.ports, other.ports);
        assert!(one.ports.all().all(|port| port < 32_768));
        let again = one.ports;
        drop(one);
        assert!(listen(again.base + 99).is_ok(), "a dropped block is free again");
    }
}
