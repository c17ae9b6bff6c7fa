//! What a Rust source file says once comments, texts and tests are taken out of it.

use crate::Violation;

/// The code of a file, line by line: comments, the insides of texts, and what stands under `#[cfg(test)]` are blanks.
///
/// A reader of Rust just good enough for that: texts, raw texts, characters against lifetimes, nested comments.
pub fn code(text: &str) -> Vec<String> {
    without_tests(&without_texts(text)).lines().map(str::to_owned).collect()
}

fn without_texts(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match (bytes[at], bytes.get(at + 1)) {
            ('/', Some('/')) => find(&bytes, at, |rest| rest[0] == '\n'),
            ('/', Some('*')) => end_of_comment(&bytes, at),
            ('"', _) => end_of_text(&bytes, at),
            ('r', Some('"' | '#')) if !is_word(bytes.get(at.wrapping_sub(1))) => end_of_raw(&bytes, at),
            ('\'', Some('\\')) => find(&bytes, at + 3, |rest| rest[0] == '\'') + 1,
            ('\'', Some(_)) if bytes.get(at + 2) == Some(&'\'') => at + 3,
            _ => at,
        };
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            // Line breaks stay, so that line numbers do.
            let end = end.min(bytes.len());
            out.extend(bytes[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

fn is_word(c: Option<&char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || *c == '_')
}

fn find(text: &[char], from: usize, is_it: impl Fn(&[char]) -> bool) -> usize {
    (from..text.len()).find(|at| is_it(&text[*at..])).unwrap_or(text.len())
}

fn end_of_comment(text: &[char], from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) if depth == 1 => return at + 2,
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn end_of_text(text: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < text.len() && text[at] != '"' {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn end_of_raw(text: &[char], from: usize) -> usize {
    let hashes = text[from + 1..].iter().take_while(|c| **c == '#').count();
    if text.get(from + 1 + hashes) != Some(&'"') {
        return from;
    }
    let closes = |rest: &[char]| {
        rest[0] == '"' && rest[1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    find(text, from + 2 + hashes, closes) + 1 + hashes
}

fn without_tests(code: &str) -> String {
    let blank = |code: &str| code.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect::<String>();
    // The compiler leaves such a file out of the product as a whole.
    if code.contains("#![cfg(test)]") {
        return blank(code);
    }
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let after = start + "#[cfg(test)]".len();
        let body = out[after..].find(['{', ';']).map_or(out.len(), |at| after + at);
        let end =
            if out[body..].starts_with('{') { end_of_block(&out, body) } else { (body + 1).min(out.len()) };
        out.replace_range(start..end, &blank(&out[start..end]));
    }
    out
}

fn end_of_block(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[from..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return from + at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Lines of the file's code that say one of the words, with the remedy.
pub fn words(path: &str, text: &str, words: &[(&str, &str)]) -> Vec<Violation> {
    let lines = code(text);
    let says = |(number, line): (usize, &String)| {
        let found = words.iter().filter(|(word, _)| line.contains(word)).collect::<Vec<_>>();
        found
            .into_iter()
            .map(|(word, remedy)| format!("{path}:{} says {word}; {remedy}", number + 1))
            .collect::<Vec<_>>()
    };
    lines.iter().enumerate().flat_map(says).collect()
}

/// Places outside tests that may stop the process.
///
/// The text that `expect` takes is a blank by now, which tells it from methods of that name that take values.
pub fn panics(path: &str, text: &str, may: &[(&str, &str)]) -> Vec<Violation> {
    if may.iter().any(|(part, _)| path.contains(part)) {
        return Vec::new();
    }
    let remedy = "return an error, or say why it cannot happen in the type";
    words(
        path,
        text,
        &[
            (".unwrap()", remedy),
            (".expect( ", remedy),
            ("panic!(", remedy),
            ("unimplemented!(", remedy),
            ("todo!(", remedy),
        ],
    )
}

/// Unsafe code outside the files that may hold it.
pub fn unsafety(path: &str, text: &str, may: &[(&str, &str)]) -> Vec<Violation> {
    if may.iter().any(|(file, _)| path == *file) {
        return Vec::new();
    }
    let remedy = "one file of this workspace may hold it; find another way";
    words(
        path,
        text,
        &[
            ("unsafe {", remedy),
            ("unsafe fn", remedy),
            ("unsafe impl", remedy),
            ("allow(unsafe_code)", remedy),
        ],
    )
}

/// Files that hold more than one idea.
pub fn length(path: &str, text: &str, most: usize) -> Vec<Violation> {
    let lines = text.lines().count();
    if lines > most {
        vec![format!("{path} has {lines} lines, more than {most}; split it by idea")]
    } else {
        Vec::new()
    }
}

/// Lines of a document that name a path of somebody's machine.
pub fn machine_paths(path: &str, text: &str, paths: &[&str]) -> Vec<Violation> {
    let named = |line: &str| paths.iter().find(|machine| starts_there(line, machine)).copied();
    let lines = text.lines().enumerate().filter_map(|(number, line)| Some((number + 1, named(line)?)));
    lines
        .map(|(number, machine)| {
            format!("{path}:{number} names {machine}, which others do not have; take it out")
        })
        .collect()
}

/// Whether the line has the path, and not as the end of a longer one.
fn starts_there(line: &str, machine: &str) -> bool {
    line.match_indices(machine)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "-_.>}/$".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r###"
//! Says .unwrap() in a comment.
fn a() -> &'static str { /* .unwrap() /* nested .unwrap() */ */ "text .unwrap() \" .unwrap()" }
fn b<'a>(x: &'a str) -> char { let _ = r#"raw .unwrap() " "#; let quote = '"'; let _ = '\''; x.parse().unwrap() }
#[cfg(test)]
mod tests {
    fn c() { d().unwrap(); if true { panic!("{}", '}') } }
}
#[cfg(test)]
use x::unwrap;
fn e() { panic!("here") }
fn f() { mock.expect(row); x.expect("here") }
"###;

    #[test]
    fn only_code_counts() {
        let found = panics("a.rs", FILE, &[]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("a.rs:4 says .unwrap()"), "{found:?}");
        assert!(found[1].starts_with("a.rs:11 says panic!("), "{found:?}");
        assert!(found[2].starts_with("a.rs:12 says .expect("), "{found:?}");
        assert!(panics("a.rs", &format!("#![cfg(test)]{FILE}"), &[]).is_empty());
        assert_eq!(panics("a.rs", &format!("// #![cfg(test)]{FILE}"), &[]).len(), 3, "a comment is none");
        assert!(panics("x/conformance.rs", FILE, &[("/conformance", "why")]).is_empty());
    }

    #[test]
    fn clocks_unsafety_and_length_are_caught() {
        assert_eq!(
            words("a.rs", "let t = Instant::now(); // Instant::now", &[("Instant::now", "no")]).len(),
            1
        );
        assert!(
            words("a.rs", "// Instant::now\nlet t = \"Instant::now\";", &[("Instant::now", "no")]).is_empty()
        );
        let may = [("workers/b.rs", "why")];
        assert_eq!(unsafety("a.rs", "fn a() { unsafe { b() } }", &may).len(), 1);
        assert_eq!(unsafety("other/workers/b.rs", "unsafe impl A for B {}", &may).len(), 1);
        assert!(unsafety("workers/b.rs", "fn a() { unsafe { b() } }", &may).is_empty());
        assert!(unsafety("a.rs", "// unsafe { }", &may).is_empty());
        assert!(length("a.rs", &"x\n".repeat(500), 500).is_empty());
        assert!(length("a.rs", &"x\n".repeat(501), 500)[0].contains("501"));
    }

    #[test]
    fn machine_paths_are_caught() {
        let paths = ["/work/", "/root/", "/home/"];
        assert_eq!(machine_paths("a.md", "see /work/main\nand /home/me", &paths).len(), 2);
        assert!(
            machine_paths("a.md", "<root>/root/x and DIR/work/y and https://x.y/home/", &paths).is_empty()
        );
    }
}
