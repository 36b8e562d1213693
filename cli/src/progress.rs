//! Progress of long work on stderr: a bar on a terminal, else a line now and then.
//!
//! What is shown is a function of the counts so far, so both forms and the
//! tests share it. `--quiet` shows nothing.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::Terminal;

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far one piece of work is.
pub struct Progress {
    form: Form,
    terminal: Terminal,
    begun: Instant,
}

enum Form {
    Bar(ProgressBar),
    Lines { next: Duration },
    Hidden,
}

/// How far the work is, and what is worth telling of it.
pub struct Position {
    pub done: u64,
    /// None while it is not known.
    pub total: Option<u64>,
    /// Told in this order, e.g. `1,200/6,491 files`.
    pub facts: Vec<String>,
}

impl Progress {
    pub fn new(terminal: Terminal) -> Self {
        let form = if terminal.quiet {
            Form::Hidden
        } else if terminal.stderr.is_terminal {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
            bar.set_style(style(terminal.stderr.colours, false));
            Form::Bar(bar)
        } else {
            Form::Lines { next: LINE_EVERY }
        };
        Self {
            form,
            terminal,
            begun: Instant::now(),
        }
    }

    pub fn show(&mut self, position: impl FnOnce(Duration) -> Position) {
        let elapsed = self.begun.elapsed();
        match &mut self.form {
            Form::Hidden => {}
            Form::Bar(bar) => {
                let position = position(elapsed);
                if let Some(total) = position.total {
                    if bar.length() != Some(total) {
                        bar.set_style(style(self.terminal.stderr.colours, true));
                        bar.set_length(total);
                    }
                    bar.set_position(position.done.min(total));
                }
                bar.set_message(line(&position, elapsed));
            }
            Form::Lines { next } if elapsed >= *next => {
                *next = elapsed + LINE_EVERY;
                let position = position(elapsed);
                let percent = percent(&position).map_or_else(String::new, |p| format!("{p}% "));
                self.terminal
                    .note(&format!("{percent}{}", line(&position, elapsed)));
            }
            Form::Lines { .. } => {}
        }
    }

    /// Takes the bar away; what is left is for the summary to say.
    pub fn finish(self) -> Duration {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
        self.begun.elapsed()
    }
}

fn style(colours: bool, with_bar: bool) -> ProgressStyle {
    let template = match (with_bar, colours) {
        (true, true) => "{bar:24.cyan} {percent:>3}% {wide_msg}",
        (true, false) => "{bar:24} {percent:>3}% {wide_msg}",
        (false, _) => "{spinner} {wide_msg}",
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

fn percent(position: &Position) -> Option<u64> {
    let total = position.total.filter(|total| *total > 0)?;
    Some((position.done.min(total) as f64 * 100.0 / total as f64) as u64)
}

fn line(position: &Position, elapsed: Duration) -> String {
    let mut facts = position.facts.clone();
    if let Some(left) = time_left(position, elapsed) {
        facts.push(format!("{} left", clock(left)));
    }
    facts.join(" · ")
}

/// By the pace so far; not before there is one to go by.
fn time_left(position: &Position, elapsed: Duration) -> Option<Duration> {
    let total = position.total?;
    let share = position.done as f64 / total as f64;
    if elapsed < Duration::from_secs(1) || !(0.01..1.0).contains(&share) {
        return None;
    }
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * (1.0 - share) / share).ok()
}

/// `0:07`, `12:34`, `1:02:03`: as wide from one second to the next, so that
/// the line does not jump.
fn clock(time: Duration) -> String {
    let s = time.as_secs();
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        hours => format!("{hours}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(done: u64, total: Option<u64>) -> Position {
        Position {
            done,
            total,
            facts: vec!["3/10 files".to_owned()],
        }
    }

    #[test]
    fn time_left_follows_the_pace_so_far() {
        let text = line(&position(25, Some(100)), Duration::from_secs(60));
        assert_eq!(text, "3/10 files · 3:00 left");
    }

    #[test]
    fn nothing_is_foretold_without_a_total_or_a_pace() {
        let minute = Duration::from_secs(60);
        for position in [
            position(25, None),
            position(0, Some(100)),
            position(0, Some(0)),
            position(9, Some(9)),
        ] {
            assert_eq!(line(&position, minute), "3/10 files");
        }
    }

    #[test]
    fn a_clock_keeps_its_width() {
        assert_eq!(clock(Duration::from_secs(7)), "0:07");
        assert_eq!(clock(Duration::from_secs(3723)), "1:02:03");
    }
}
