//! Blocks of a hundred ports on loopback, one for each stack.
//!
//! A block is held by listening on its last port: a stack keeps its block while its servers are down, and two harnesses
//! never choose the same one.

use crate::error::ProcessError;
use crate::limits::{FIRST_PORT, PORT_BLOCKS};
use std::net::{Ipv4Addr, TcpListener};

/// A block and the socket that holds it.
#[derive(Debug)]
pub struct Block {
    /// Its first port.
    pub base: u16,
    _held: TcpListener,
}

/// Takes a block in which the ports at the `wanted` offsets (0..99) are free; where the search begins depends on the
/// process, so that two of them rarely meet.
pub fn take(wanted: &[u16]) -> Result<Block, ProcessError> {
    let first = std::process::id() as u16 % PORT_BLOCKS;
    for step in 0..PORT_BLOCKS {
        let base = FIRST_PORT + (first + step) % PORT_BLOCKS * 100;
        let Ok(held) = listen(base + 99) else { continue };
        if wanted.iter().all(|offset| listen(base + offset).is_ok()) {
            return Ok(Block { base, _held: held });
        }
    }
    Err(ProcessError::Ports)
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_stacks_never_share_a_block() {
        let (one, other) = (take(&[0, 5]).unwrap(), take(&[0, 5]).unwrap());
        assert_ne!(one.base, other.base);
        assert!(one.base + 99 < 32_768);
        let again = one.base;
        drop(one);
        assert!(listen(again + 99).is_ok(), "a dropped block is free again");
    }

    #[test]
    fn a_block_with_a_taken_port_is_passed_over() {
        let block = take(&[7]).unwrap();
        let base = block.base;
        let _stranger = listen(base + 7).unwrap();
        drop(block);
        assert_ne!(take(&[7]).unwrap().base, base);
        assert!(take(&[8]).is_ok(), "a port that nobody wants may be anybody's");
    }
}
