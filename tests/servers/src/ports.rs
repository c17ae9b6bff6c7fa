//! Which port of a stack's block is whose.

use crate::error::ServerError;
use processes::ports::Block;

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
}

/// Where all of these lie in a block.
const OFFSETS: [u16; 13] = [0, 1, 2, 3, 4, 42, 70, 71, 92, 93, 94, 95, 96];

/// Takes a free block.
pub(crate) fn take() -> Result<(Ports, Block), ServerError> {
    let block = processes::ports::take(&OFFSETS)?;
    Ok((Ports { base: block.base }, block))
}
