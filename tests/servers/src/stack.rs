//! A stack: Kafka, HDFS and Cassandra that belong together, in one folder.
//!
//! A folder holds `stack.json` (ports and commands), `conf`, `data`, `logs`, and a `.pid` file for each server that lives.
//! A stack of a test ends with it; a stack of a person (`make up`) stays, and anyone may attach to its folder.

use crate::cassandra::{self, Cassandra};
use crate::certificates::Certificates;
use crate::error::ServerError;
use crate::hdfs::{self, Hdfs};
use crate::kafka::{self, Kafka};
use crate::kerberos::Access;
use crate::ports::{self, Ports};
use processes::ports::Block;
use processes::{Launch, Lifetime, Server, Sweeper};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which servers, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// SCRAM, TLS and access lists in Kafka; passwords and TLS in Cassandra.
    pub secured: bool,
    /// Start Kafka.
    pub kafka: bool,
    /// Start HDFS.
    pub hdfs: bool,
    /// Start Cassandra.
    pub cassandra: bool,
    /// No server of it is ever killed: Cassandra need not bring a schema change to disk at once, which takes ten times
    /// as long.
    pub undisturbed: bool,
    /// HDFS in this realm, everything on the wire encrypted.
    pub kerberos: Option<Access>,
    /// Lines added to Kafka's configuration.
    pub kafka_properties: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            secured: false,
            kafka: true,
            hdfs: true,
            cassandra: true,
            undisturbed: false,
            kerberos: None,
            kafka_properties: Vec::new(),
        }
    }
}

/// The servers. One that was not asked for has an address nobody listens at.
#[derive(Debug)]
pub struct Stack {
    /// The broker.
    pub kafka: Kafka,
    /// The file system.
    pub hdfs: Hdfs,
    /// The database.
    pub cassandra: Cassandra,
    /// Where all of it lies.
    pub dir: PathBuf,
    /// What clients of a secured stack need.
    pub certificates: Option<Certificates>,
    sweeper: Option<Sweeper>,
    _block: Option<Block>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Written {
    ports: Ports,
    secured: bool,
    servers: BTreeMap<String, Launch>,
}

impl Stack {
    /// Starts servers that end with this process; returns when they are ready.
    pub async fn start(options: Options) -> Result<Stack, ServerError> {
        let base = std::env::temp_dir();
        let dir = tempfile::Builder::new().prefix("stockpipe-servers-").tempdir_in(&base);
        let dir = dir.map_err(ServerError::io("create a folder in", &base))?.keep();
        let mut stack = Stack::prepare(dir, &options, Lifetime::Parent)?;
        stack.sweeper = Some(Sweeper::of(&stack.dir, None)?);
        stack.run(&options).await?;
        Ok(stack)
    }

    /// Starts servers that stay, in a folder of the caller's choice; returns when they are ready.
    pub async fn start_alone(dir: &Path, options: Options) -> Result<Stack, ServerError> {
        fs::create_dir_all(dir).map_err(ServerError::io("create", dir))?;
        let dir = dir.canonicalize().map_err(ServerError::io("find", dir))?;
        let stack = Stack::prepare(dir, &options, Lifetime::Alone)?;
        stack.write(options.secured)?;
        stack.run(&options).await?;
        Ok(stack)
    }

    fn prepare(dir: PathBuf, options: &Options, lifetime: Lifetime) -> Result<Stack, ServerError> {
        let (ports, block) = ports::take()?;
        for folder in ["logs", "data", "conf"].map(|name| dir.join(name)) {
            fs::create_dir_all(&folder).map_err(ServerError::io("create", folder))?;
        }
        let certificates = match options.secured {
            true => Some(Certificates::make(&dir.join("certificates"))?),
            false => None,
        };
        // Formatting takes seconds, and the two do not wait for each other.
        let (kafka, hdfs) = std::thread::scope(|scope| {
            let kafka = scope.spawn(|| match options.kafka {
                true => kafka::prepare(&dir, ports, options.secured, &options.kafka_properties, lifetime),
                false => Ok(no_kafka(ports)),
            });
            let hdfs = match options.hdfs {
                true => hdfs::prepare(&dir, ports, options.kerberos.as_ref(), lifetime),
                false => Ok(no_hdfs(ports)),
            };
            (kafka.join().unwrap_or_else(|_| Err(ServerError::Kafka("formatting panicked".to_owned()))), hdfs)
        });
        let cassandra = match options.cassandra {
            true => cassandra::prepare(&dir, ports, options, lifetime)?,
            false => Cassandra {
                server: Server::elsewhere("cassandra"),
                contact: format!("127.0.0.1:{}", ports.cql()),
            },
        };
        let (kafka, hdfs) = (kafka?, hdfs?);
        Ok(Stack { kafka, hdfs, cassandra, dir, certificates, sweeper: None, _block: Some(block) })
    }

    /// Starts everything at once: the servers share the processors better than they would wait for each other.
    async fn run(&self, options: &Options) -> Result<(), ServerError> {
        for server in self.servers().into_iter().filter(|server| server.launch().is_some()) {
            server.start()?;
        }
        self.wait_ready().await?;
        if options.secured && options.kafka {
            crate::acl::grant(&self.kafka.bootstrap).await?;
        }
        Ok(())
    }

    /// Waits until every server is ready.
    pub async fn wait_ready(&self) -> Result<(), ServerError> {
        for server in self.servers() {
            server.wait_ready().await?;
        }
        Ok(())
    }

    /// All four processes.
    pub fn servers(&self) -> [&Server; 4] {
        [&self.kafka.server, &self.hdfs.namenode, &self.hdfs.datanode, &self.cassandra.server]
    }

    /// Servers that somebody else started, by their folder. They can be disturbed and started again.
    pub fn attach(dir: &Path) -> Result<Stack, ServerError> {
        let no_stack = |why: String| ServerError::NoStack { path: dir.to_owned(), why };
        let dir = dir.canonicalize().map_err(|error| no_stack(error.to_string()))?;
        let text = fs::read_to_string(dir.join("stack.json")).map_err(|error| no_stack(error.to_string()))?;
        let written: Written = serde_json::from_str(&text).map_err(|error| no_stack(error.to_string()))?;
        let server = |name: &'static str| match written.servers.get(name) {
            Some(launch) => Server::new(name, &dir, Lifetime::Alone, launch.clone()),
            None => Server::elsewhere(name),
        };
        let ports = written.ports;
        let certificates = match written.secured {
            true => Some(Certificates::read(&dir.join("certificates"))?),
            false => None,
        };
        let (kafka, cassandra) = (server("kafka"), server("cassandra"));
        Ok(Stack {
            kafka: Kafka { server: kafka, ..no_kafka(ports) },
            hdfs: Hdfs {
                namenode: server("namenode"),
                datanode: server("datanode"),
                config: dir.join("conf/hdfs"),
                ..no_hdfs(ports)
            },
            cassandra: Cassandra { server: cassandra, contact: format!("127.0.0.1:{}", ports.cql()) },
            dir,
            certificates,
            sweeper: None,
            _block: None,
        })
    }

    /// Servers of which only the addresses are known. They cannot be disturbed.
    pub fn at(bootstrap: &str, uri: &str, contact: &str) -> Stack {
        Stack {
            kafka: Kafka { server: Server::elsewhere("kafka"), bootstrap: bootstrap.to_owned(), ports: None },
            hdfs: Hdfs {
                namenode: Server::elsewhere("namenode"),
                datanode: Server::elsewhere("datanode"),
                uri: uri.to_owned(),
                config: PathBuf::new(),
            },
            cassandra: Cassandra { server: Server::elsewhere("cassandra"), contact: contact.to_owned() },
            dir: PathBuf::new(),
            certificates: None,
            sweeper: None,
            _block: None,
        }
    }

    fn write(&self, secured: bool) -> Result<(), ServerError> {
        let Some(ports) = self.kafka.ports else { return Ok(()) };
        let servers = self.servers();
        let servers =
            servers.iter().filter_map(|server| Some((server.name().to_owned(), server.launch()?.clone())));
        let written = Written { ports, secured, servers: servers.collect() };
        let (path, making) = (self.dir.join("stack.json"), self.dir.join("stack.json.new"));
        let text = serde_json::to_string_pretty(&written).unwrap_or_default();
        fs::write(&making, text).map_err(ServerError::io("write", &making))?;
        fs::rename(&making, &path).map_err(ServerError::io("rename to", path))
    }

    /// Keeps the logs beyond the end of this process, and says where they are and how they end.
    pub fn keep_logs(&self) -> String {
        if self.dir.as_os_str().is_empty() {
            return String::new();
        }
        let _ = fs::write(self.dir.join("keep"), "");
        let mut text = format!("the servers' logs are kept in {}/logs; they end so:\n", self.dir.display());
        for server in self.servers().into_iter().filter(|server| server.launch().is_some()) {
            let state = server.pid().map_or("does not run".to_owned(), |pid| format!("pid {pid}"));
            let tail = server.log_tail();
            let from = tail.lines().count().saturating_sub(6);
            let lines: Vec<&str> = tail.lines().skip(from).collect();
            text.push_str(&format!("-- {} ({state})\n{}\n", server.name(), lines.join("\n")));
        }
        text
    }

    /// Ends all servers in good order, the DataNode before its NameNode.
    pub fn stop(&self) -> Result<(), ServerError> {
        let [kafka, namenode, datanode, cassandra] = self.servers();
        let all = [kafka, datanode, cassandra, namenode];
        std::thread::scope(|scope| {
            let ending: Vec<_> = all.map(|server| scope.spawn(move || server.stop())).into_iter().collect();
            ending.into_iter().try_for_each(|end| Ok(end.join().unwrap_or(Ok(()))?))
        })
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let Some(sweeper) = self.sweeper.take() else { return };
        if std::thread::panicking() {
            eprintln!("{}", self.keep_logs());
        }
        for server in self.servers() {
            server.release();
        }
        sweeper.sweep();
    }
}

fn no_kafka(ports: Ports) -> Kafka {
    let bootstrap = format!("127.0.0.1:{}", ports.kafka());
    Kafka { server: Server::elsewhere("kafka"), bootstrap, ports: Some(ports) }
}

fn no_hdfs(ports: Ports) -> Hdfs {
    Hdfs {
        namenode: Server::elsewhere("namenode"),
        datanode: Server::elsewhere("datanode"),
        uri: format!("hdfs://127.0.0.1:{}", ports.namenode()),
        config: PathBuf::new(),
    }
}
