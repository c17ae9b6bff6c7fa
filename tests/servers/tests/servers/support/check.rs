//! What must hold after a scenario, whatever happened in it.

use hdfs_native::ClientBuilder;
use std::collections::HashMap;

/// Compares a dump with the expected one; fails with the first difference and how much differs.
pub fn assert_same(expected: &[String], dump: &str, what: &str) {
    let seen: Vec<&str> = dump.lines().collect();
    if seen.len() == expected.len() && seen.iter().zip(expected).all(|(a, b)| a == b) {
        return;
    }
    let at = seen.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(seen.len().min(expected.len()));
    let kinds = |lines: &mut dyn Iterator<Item = &str>| {
        let mut kinds: HashMap<String, u64> = HashMap::new();
        lines
            .for_each(|line| *kinds.entry(line.split(' ').next().unwrap_or("").to_owned()).or_default() += 1);
        kinds
    };
    panic!(
        "{what}: the dump differs from line {at} on\nundisturbed: {:?}\nseen:        {:?}\nlines undisturbed {:?}, seen {:?}",
        expected.get(at),
        seen.get(at),
        kinds(&mut expected.iter().map(String::as_str)),
        kinds(&mut seen.iter().copied()),
    );
}

/// Every (partition, offset) of the topic's one generation is exactly once in raw or dead letters.
pub fn assert_exactly_once(dump: &str, ends: &[u64]) {
    let mut times: Vec<Vec<u8>> = ends.iter().map(|end| vec![0; *end as usize]).collect();
    for line in dump.lines().filter(|line| line.starts_with("raw ") || line.starts_with("dead ")) {
        let mut words = line.split(' ').skip(1);
        let mut number =
            |letter: char| words.next().and_then(|word| word.strip_prefix(letter)?.parse::<usize>().ok());
        let (generation, partition, offset) = (number('g'), number('p'), number('o'));
        assert!(generation.is_some(), "a line without a generation: {line}");
        let count = partition.zip(offset).and_then(|(p, o)| times.get_mut(p)?.get_mut(o));
        *count.unwrap_or_else(|| panic!("a record that is not in the topic: {line}")) += 1;
    }
    for (partition, times) in times.iter().enumerate() {
        if let Some(offset) = times.iter().position(|times| *times != 1) {
            panic!("p{partition} o{offset} is stored {} times", times[offset]);
        }
    }
}

/// No file is left below `_tmp`.
pub async fn assert_tidy(uri: &str, root: &str) {
    let client = ClientBuilder::new().with_url(uri).build().expect("an HDFS client");
    let left: Vec<String> = match client.list_status(&format!("{root}/_tmp"), true).await {
        Ok(entries) => entries.into_iter().filter(|entry| !entry.isdir).map(|entry| entry.path).collect(),
        Err(hdfs_native::HdfsError::FileNotFound(_)) => Vec::new(),
        Err(error) => panic!("listing {root}/_tmp: {error}"),
    };
    assert!(left.is_empty(), "left in {root}/_tmp: {left:?}");
}

#[test]
fn a_lost_and_a_doubled_record_are_seen() {
    let caught = |dump: &str| std::panic::catch_unwind(|| assert_exactly_once(dump, &[2])).is_err();
    assert!(!caught("raw g0 p0 o0 x\ndead g0 p0 o1 x\nrow S1"));
    assert!(caught("raw g0 p0 o0 x\nrow S1"), "a lost record");
    assert!(caught("raw g0 p0 o0 x\ndead g0 p0 o1 x\nraw g0 p0 o1 x"), "a doubled record");
    assert!(caught("raw g0 p0 o0 x\ndead g0 p0 o1 x\nraw g0 p0 o2 x"), "a record from nowhere");
    let differs = |dump: &str| {
        let expected = ["a 1".to_owned(), "b 2".to_owned()];
        std::panic::catch_unwind(|| assert_same(&expected, dump, "test")).is_err()
    };
    assert!(!differs("a 1\nb 2\n") && differs("a 1\n") && differs("a 1\nb 3") && differs("a 1\nb 2\nc"));
}
