//! `tarn saved run`: a saved query with values for its parameters.

use tarn_query::saved;
use tarn_store::saved::SavedQuery;

use super::find;
use crate::args::{RunArgs, SavedRunArgs};
use crate::ask::{Asker, Question};
use crate::context::Context;
use crate::exit::{self, Exit};

pub fn run(context: &Context, args: &SavedRunArgs) -> anyhow::Result<Exit> {
    let query = SavedQuery::from(find(context, &args.name)?);
    let zone = context.zone(args.run.tz.as_deref())?;
    let parameters = saved::bind(&query, &args.param, context.now_ms(), zone)
        .map_err(|error| exit::query(&error, ""))?;
    let (since, until) = saved::time_range(&query, args.run.since.clone(), args.run.until.clone());
    let run = RunArgs {
        since,
        until,
        ..args.run.clone()
    };
    let question = Question {
        text: &query.text,
        language: query.language.into(),
        parameters: &parameters,
        given: &args.param,
        saved_as: Some(&args.name),
        run: &run,
    };
    let (asker, cancel) = (Asker::open(context)?, context.interrupts.cancel());
    match args.follow {
        true => asker.follow(&question, &cancel),
        false => asker.answer(&question, &cancel),
    }
}
