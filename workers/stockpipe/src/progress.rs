//! How far long work is: a bar on a terminal, a plain line now and then elsewhere. On stderr: results go to stdout.

use std::{
    io::{IsTerminal as _, stderr},
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Least time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// One piece of work.
pub struct Progress {
    what: String,
    shown: Shown,
}

enum Shown {
    Bar(ProgressBar),
    Lines(Mutex<Lines>),
}

struct Lines {
    of: Option<u64>,
    said: Instant,
}

impl Progress {
    /// Begins. `of` = how much there is, where that is known.
    pub fn new(what: &str, of: Option<u64>) -> Self {
        let shown = if stderr().is_terminal() {
            let bar = match of {
                Some(of) => ProgressBar::new(of),
                None => ProgressBar::new_spinner(),
            };
            let style = match of {
                Some(_) => "{msg} {wide_bar} {human_pos} of {human_len}, {eta} left",
                None => "{spinner} {msg} {human_pos}",
            };
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar.set_message(what.to_owned());
            Shown::Bar(bar)
        } else {
            Shown::Lines(Mutex::new(Lines { of, said: Instant::now() }))
        };
        Self { what: what.to_owned(), shown }
    }

    /// So much is done, of so much as far as is known now.
    pub fn of(&self, done: u64, of: u64) {
        match &self.shown {
            Shown::Bar(bar) => bar.set_length(of),
            Shown::Lines(lines) => {
                if let Ok(mut lines) = lines.lock() {
                    lines.of = Some(of);
                }
            }
        }
        self.at(done);
    }

    /// So much is done.
    pub fn at(&self, done: u64) {
        match &self.shown {
            Shown::Bar(bar) => bar.set_position(done),
            Shown::Lines(lines) => {
                let Ok(mut lines) = lines.lock() else { return };
                if lines.said.elapsed() >= LINE_EVERY {
                    lines.said = Instant::now();
                    eprintln!("{}", line(&self.what, done, lines.of));
                }
            }
        }
    }

    /// Another step of the work, so far done; `of` is 0 where nobody knows how much there is.
    pub fn step(&self, what: &str, done: u64, of: u64) {
        match &self.shown {
            Shown::Bar(bar) => {
                bar.set_message(format!("{}: {what}", self.what));
                bar.set_length(of.max(done));
                bar.set_position(done);
            }
            Shown::Lines(lines) => {
                let Ok(mut lines) = lines.lock() else { return };
                if lines.said.elapsed() >= LINE_EVERY {
                    lines.said = Instant::now();
                    eprintln!("{}", line(&format!("{}: {what}", self.what), done, Some(of)));
                }
            }
        }
    }

    /// Done.
    pub fn end(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn line(what: &str, done: u64, of: Option<u64>) -> String {
    match of {
        Some(of) if of > 0 => {
            let percent = u128::from(done) * 100 / u128::from(of);
            format!("{what}: {done} of {of} ({percent} %)")
        }
        _ => format!("{what}: {done}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        assert_eq!(line("reading", 5, Some(20)), "reading: 5 of 20 (25 %)");
        assert_eq!(line("reading", 5, None), "reading: 5");
        assert_eq!(line("reading", 0, Some(0)), "reading: 0");
        assert_eq!(line("x", u64::MAX, Some(u64::MAX)), format!("x: {0} of {0} (100 %)", u64::MAX));
    }
}
