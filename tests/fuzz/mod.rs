//! The targets of fuzzing, in the one test binary: their committed corpora, and
//! input made of these by choices that proptest draws.
//!
//! `PROPTEST_CASES` sets how many inputs each target is given,
//! `PROPTEST_RNG_SEED` which ones. `make soak` sets `TARN_FUZZ_SECONDS` instead, where
//! there is no libFuzzer: no input leads to the next then, so what lies behind
//! several conditions at once is hardly reached. It sets `TARN_FUZZ_DIR` too, where
//! an input is kept while a target has it, for inputs that end the process.

mod watch;

use std::env;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use tarn_tests::fuzz::inputs;
use tarn_tests::fuzz::targets::{ALL, Target};

/// Where the environment does not say.
const SEED: u64 = 3;
/// How long a failing input is made smaller.
const SHRINK_MS_MAX: u32 = 20_000;
/// Choices of an input at most.
const CHOICES_MAX: usize = 120;

/// Bytes that are shown as what they are in text.
#[derive(Clone)]
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn target(name: &str) -> Target {
    let target = ALL.into_iter().find(|t| t.name == name);
    target.expect("one of the targets")
}

/// Gives a target an input, within its bounds.
fn give(target: Target, input: &[u8]) {
    let kept = env::var_os("TARN_FUZZ_DIR").map(|d| PathBuf::from(d).join(target.name));
    if let Some(path) = &kept {
        fs::write(path, input).expect("the folder is there");
    }
    watch::within_bounds(target.name, input, || (target.run)(input));
    if let Some(path) = kept {
        fs::remove_file(path).expect("written before");
    }
}

/// Every committed input of a target holds.
fn replay(name: &str) {
    let target = target(name);
    let corpus = inputs::corpus(name);
    assert!(corpus.len() >= 5, "{name}: {} inputs", corpus.len());
    for (input, bytes) in corpus {
        println!("{name}/{input}");
        give(target, &bytes);
    }
}

/// So many inputs that are made of the corpus, or as many as there is time for.
fn generated(name: &str) {
    let target = target(name);
    let corpus = inputs::corpus(name);
    let choices = vec(any::<u8>(), 0..CHOICES_MAX);
    let inputs = choices.prop_map(|c| Input(inputs::make(&corpus, target.words, &c)));
    let seconds = number("TARN_FUZZ_SECONDS").map(Duration::from_secs);
    let mut seed = number("PROPTEST_RNG_SEED").unwrap_or(SEED);
    let cases = number("PROPTEST_CASES").unwrap_or(target.cases);
    let begun = Instant::now();
    let mut n_inputs = 0_u64;
    loop {
        let config = Config {
            cases,
            rng_seed: RngSeed::Fixed(seed),
            failure_persistence: None,
            max_shrink_time: SHRINK_MS_MAX,
            ..Config::default()
        };
        let ran = TestRunner::new(config).run(&inputs, |input| {
            give(target, &input.0);
            Ok(())
        });
        match ran {
            Ok(()) => {}
            Err(TestError::Fail(reason, input)) => {
                panic!("{name}, seed {seed}: {reason}\ninput: {input:?}")
            }
            Err(TestError::Abort(reason)) => panic!("{name}: {reason}"),
        }
        n_inputs += u64::from(cases);
        seed += 1;
        if seconds.is_none_or(|s| begun.elapsed() >= s) {
            break;
        }
    }
    println!(
        "fuzz {name} inputs={n_inputs} seconds={}",
        begun.elapsed().as_secs()
    );
}

macro_rules! tests_of {
    ($($target:ident)*) => {
        /// There is no target without its tests.
        #[test]
        fn every_target_is_tested() {
            let tested = [$(stringify!($target)),*];
            assert_eq!(ALL.map(|t| t.name), tested);
        }

        $(mod $target {
            #[test]
            fn corpus() {
                super::replay(stringify!($target));
            }

            #[test]
            fn generated() {
                super::generated(stringify!($target));
            }
        })*
    };
}

tests_of!(decode parse import language keys split catalogue);
