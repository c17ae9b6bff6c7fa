//! The ports that a manifest names: of Kafka, HDFS, Cassandra and Kerberos. A policy that lets pods out needs them.

use std::collections::{BTreeMap, BTreeSet};

use crate::pipeline::desired::Desired;

/// Port of Kafka where nobody names one.
const KAFKA: i32 = 9092;
/// Port of a NameNode.
const NAME_NODE: i32 = 8020;
/// Port of DataNodes for data. Clients learn their addresses from the NameNode, so no manifest names it.
const DATA_NODE: i32 = 9866;
/// Port of Cassandra.
const CASSANDRA: i32 = 9042;
/// Port of a Kerberos key distribution centre.
const KERBEROS: i32 = 88;

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// As Kubernetes spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        }
    }
}

/// Every port that a pipeline's pods connect to, as far as its manifest and the ConfigMaps that it names tell. What they do
/// not tell (brokers that advertise other ports, DataNodes elsewhere) is what `extraEgress` is for.
pub fn server_ports(desired: &Desired) -> BTreeSet<(i32, Protocol)> {
    let spec = &desired.pipeline.spec;
    let kafka = &spec.source.kafka;
    let hdfs = &spec.lake.hdfs;

    let discovered = kafka.config_map_ref.as_ref().and_then(|r| data(desired, &r.name)?.get(&r.key));
    let brokers = kafka.bootstrap_servers.as_ref().or(discovered).map(String::as_str).unwrap_or_default();
    let mut ports: BTreeSet<i32> = brokers.split(',').map(|at| port_of(at).unwrap_or(KAFKA)).collect();

    let named = hdfs.uri.iter().filter_map(|uri| port_of(uri));
    let sites = hdfs.config_map_ref.as_ref().and_then(|r| data(desired, &r.name));
    ports.extend(
        named.chain(sites.into_iter().flat_map(|files| files.values().flat_map(|xml| site_ports(xml)))),
    );
    ports.extend([NAME_NODE, DATA_NODE]);
    ports.extend(
        spec.feature_store.cassandra.contact_points.iter().map(|at| port_of(at).unwrap_or(CASSANDRA)),
    );

    let mut all: BTreeSet<_> = ports.into_iter().map(|port| (port, Protocol::Tcp)).collect();
    if hdfs.kerberos.is_some() {
        all.extend([(KERBEROS, Protocol::Tcp), (KERBEROS, Protocol::Udp)]);
    }
    all
}

fn data<'a>(desired: &'a Desired, name: &str) -> Option<&'a BTreeMap<String, String>> {
    desired.found.config_maps.get(name)?.as_ref().map(|(_, data)| data)
}

/// The port at the end of `host:port`, `[v6]:port` or `hdfs://host:port/`.
fn port_of(address: &str) -> Option<i32> {
    let (_, port) = address.trim().trim_end_matches('/').rsplit_once(':')?;
    port.parse::<u16>().ok().filter(|port| *port > 0).map(i32::from)
}

/// Ports of the addresses in a Hadoop site file. The file is read by the worker; here a `<value>` that ends in a port is
/// an address, and what is none opens a port that nobody listens on.
fn site_ports(xml: &str) -> Vec<i32> {
    let values = xml.split("<value>").skip(1).filter_map(|rest| rest.split_once("</value>"));
    values.filter_map(|(value, _)| port_of(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_stand_at_the_end() {
        for (text, port) in [
            ("kafka:9092", Some(9092)),
            (" kafka:9093 ", Some(9093)),
            ("[::1]:9042", Some(9042)),
            ("[::1]", None),
            ("hdfs://nn:9000/", Some(9000)),
            ("hdfs://nameservice", None),
            ("cassandra", None),
            ("k:0", None),
            ("k:70000", None),
        ] {
            assert_eq!(port_of(text), port, "{text}");
        }
    }

    #[test]
    fn a_site_file_tells_its_addresses() {
        let xml = "<configuration><property><name>dfs.namenode.rpc-address.a.n1</name><value>n1:8021</value></property>\
                   <property><name>dfs.replication</name><value>3</value></property><property><value>cut:9";
        assert_eq!(site_ports(xml), [8021]);
    }
}
