//! `tarn saved import` and `export`: saved queries as TOML, to be kept in git.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;
use tarn_query::saved;
use tarn_store::saved::{Overwrite, SavedQuery};

use super::{check, find, put, stored};
use crate::args::{SavedExportArgs, SavedImportArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::listing::Listing;

/// Takes the queries of all files in, or none.
pub fn import(context: &Context, args: &SavedImportArgs) -> anyhow::Result<Exit> {
    let read = read_all(&args.files)?;
    let stored = stored(context)?;
    let mut listing = Listing::new(&["name", "outcome"]);
    let mut changed = Vec::new();
    let mut taken = Vec::new();
    for (place, query) in read {
        let before = stored.iter().find(|own| own.name == query.name);
        let outcome = match before {
            None => "created",
            Some(own) if *own == query => "unchanged",
            Some(_) if args.replace => "replaced",
            Some(_) => {
                taken.push(query.name);
                continue;
            }
        };
        listing.push(vec![json!(query.name), json!(outcome)]);
        if outcome != "unchanged" {
            changed.push((place, query));
        }
    }
    if !taken.is_empty() {
        return Err(exit::usage(format!(
            "nothing was taken in: there are other queries of these names already: {}; --replace overwrites them",
            taken.join(", ")
        )));
    }
    if !changed.is_empty() {
        check(context, &changed)?;
        let overwrite = match args.replace {
            true => Overwrite::Replace,
            false => Overwrite::Refuse,
        };
        let queries = changed.into_iter().map(|(_, query)| query).collect();
        put(context, queries, overwrite)?;
    }
    listing.write(
        &mut io::stdout().lock(),
        args.listing.output,
        &context.terminal,
    )?;
    Ok(Exit::Done)
}

/// Every query, behind the file that it is from.
fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<(String, SavedQuery)>> {
    let mut queries = Vec::new();
    for path in paths {
        for file in files_of(path)? {
            let shown = file.display();
            let text = match file == Path::new("-") {
                true => {
                    let mut text = String::new();
                    let read = io::stdin().read_to_string(&mut text);
                    read.context("cannot read the queries from stdin")?;
                    text
                }
                false => {
                    fs::read_to_string(&file).with_context(|| format!("cannot read {shown}"))?
                }
            };
            let read = saved::read(&text);
            let read = read.map_err(|error| exit::usage(format!("{shown}: {error}")))?;
            let place = |query: &SavedQuery| format!("{shown}, `{}`: ", query.name);
            queries.extend(read.into_iter().map(|query| (place(&query), query)));
        }
    }
    Ok(queries)
}

/// A file, or those of a folder that end in `.toml`, by name.
fn files_of(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let listed = fs::read_dir(path).with_context(|| format!("cannot list {}", path.display()))?;
    let mut files = Vec::new();
    for entry in listed {
        let file = entry?.path();
        if file.extension().is_some_and(|e| e == "toml") {
            files.push(file);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(exit::usage(format!(
            "{} holds no .toml files",
            path.display()
        ))),
        false => Ok(files),
    }
}

pub fn export(context: &Context, args: &SavedExportArgs) -> anyhow::Result<Exit> {
    let mut queries: Vec<SavedQuery> = match (args.names.is_empty(), args.built_in) {
        (true, true) => saved::library().to_vec(),
        (true, false) => stored(context)?,
        (false, _) => {
            let found = args.names.iter().map(|name| find(context, name));
            let found = found.collect::<anyhow::Result<Vec<_>>>()?;
            found.into_iter().map(SavedQuery::from).collect()
        }
    };
    queries.sort_by(|a, b| a.name.cmp(&b.name));
    queries.dedup();
    if queries.is_empty() {
        return Err(exit::usage(
            "nothing is saved yet; name a built-in query, or --built-in for all of them",
        ));
    }
    let Some(folder) = &args.dir else {
        let mut out = io::stdout().lock();
        out.write_all(saved::write(&queries).as_bytes())?;
        out.flush()?;
        return Ok(Exit::Done);
    };
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for query in &queries {
        let path = folder.join(format!("{}.toml", query.name));
        fs::write(&path, saved::write([query]))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let n_queries = crate::sizes::counted(queries.len() as u64, "query");
    context
        .terminal
        .note(&format!("{n_queries} in {}", folder.display()));
    Ok(Exit::Done)
}
