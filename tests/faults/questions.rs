//! Questions while the disk refuses, also beside a writer: an answer is whole or
//! an error.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use tarn_store::{Cancel, Reader};

use super::trial::{Action, Scene};
use super::{FAULTS, count, orders};
use crate::support::ask;
use crate::support::home;

/// What a question is answered with, or why not.
fn answer(data: &Path) -> Result<Vec<String>, String> {
    let reader = Reader::open(data).map_err(|e| e.to_string())?;
    let snapshot = reader.snapshot().map_err(|e| e.to_string())?;
    let request = ask::everything(home::default_store(&snapshot));
    let scan = snapshot
        .scan(&request, Arc::default(), Cancel::default())
        .map_err(|e| e.to_string())?;
    let mut records = Vec::new();
    for partition in &scan.partitions {
        let mut emit = |batch| {
            records.extend(ask::rows_of(&batch).into_iter().flatten().flatten());
            ControlFlow::Continue(())
        };
        partition.run(&mut emit).map_err(|e| e.to_string())?;
    }
    records.sort();
    Ok(records)
}

#[test]
fn questions_are_answered_wholly_or_refused() {
    let scene = Scene::new();
    let trial = scene.trial(Action::Push);
    let whole = answer(&trial.data).expect("nothing fails");
    assert_eq!(whole.len(), scene.stored.len());
    let mut n_refused = 0;
    for (name, call, refusal) in FAULTS {
        let n_calls = count(&trial.faults, call, || {
            answer(&trial.data).expect("nothing fails");
        });
        for order in orders(call, refusal, n_calls) {
            trial.faults.order(order);
            let answered = answer(&trial.data);
            trial.faults.heal();
            match answered {
                Ok(records) => assert_eq!(records, whole, "{name}, {order:?}"),
                Err(text) => {
                    let root = trial.data.display().to_string();
                    assert!(text.contains(&root), "{name}, {order:?}: where? {text}");
                    n_refused += 1;
                }
            }
            assert_eq!(
                answer(&trial.data).as_ref(),
                Ok(&whole),
                "{name}, {order:?}"
            );
        }
    }
    println!("{n_refused} questions refused");
    assert!(n_refused >= 5, "{n_refused} questions were refused");
}
