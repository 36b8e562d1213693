//! The column families: what is in each, who writes it and who reads it.
//!
//! Values of all but `events` and `tail` are JSON: they are few, and a person
//! with RocksDB's own tools can read them. Numbers in keys are big-endian.

/// A column family of the directory's RocksDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Every event as delivered.
    /// **Key** [`super::keys::EventKey`]. **Value** [`super::value::StoredEvent`].
    /// **Written** by `import::commit` (ingested SSTs), deleted by recovery and
    /// retention. **Read** by scans, `events get`, `reindex`, `check`.
    Events,
    /// Pushed events that no split holds yet.
    /// **Key** store u32 | sequence u64. **Value** [`super::value::TailEvent`].
    /// **Written** by `import::tail`; the batch that seals them deletes them in
    /// the write that publishes it. **Read** by scans.
    Tail,
    /// Event data stores.
    /// **Key** store u32. **Value** `data_store::EventDataStore`.
    /// **Written** by `data_store`. **Read** at every open.
    Stores,
    /// Published batches. A batch that is not here is not visible.
    /// **Key** batch u64. **Value** `catalog::BatchEntry`.
    /// **Written** by `import::publish`. **Read** by the plain path and `check`.
    Batches,
    /// Published splits.
    /// **Key** split u64. **Value** `catalog::SplitEntry`.
    /// **Written** by `import::publish`, `index::merge`, `reindex`. **Read** at
    /// every open.
    Splits,
    /// Batches that are being written.
    /// **Key** batch u64. **Value** `catalog::Intent`.
    /// **Written** before anything of the batch, removed by the write that
    /// publishes it. **Read** by recovery.
    Intents,
    /// Import runs.
    /// **Key** import u64. **Value** `catalog::ImportEntry`.
    /// **Written** by `import`: at its begin and end, and of what is pushed with each
    /// write of it. **Read** by `imports list|show`.
    Imports,
    /// Files that imports finished, by what tells whether one changed.
    /// **Key** store u32 | path text. **Value** `catalog::FileEntry`.
    /// **Written** by the write that publishes the file's last batch. **Read**
    /// by discovery and `imports show`.
    Files,
    /// Where a record came from.
    /// **Key** source u64. **Value** `catalog::SourceEntry`.
    /// **Written** with the intent of each batch that holds a record of it, or with
    /// the pushed events. **Read** for `@source`.
    Sources,
    /// Records and files that could not be taken.
    /// **Key** import u64 | number u64. **Value** `catalog::RejectEntry`.
    /// **Written** by the write that publishes the batch. **Read** by `imports
    /// rejects|retry`.
    Rejects,
    /// Pairs of events with one identity and different content.
    /// **Key** store u32 | batch u64 | ordinal u32. **Value**
    /// `catalog::ConflictEntry`. **Written** by the write that publishes the
    /// batch. **Read** by `imports conflicts`.
    Conflicts,
    /// Queries that people saved, with those of the library left out.
    /// **Key** name text. **Value** `saved::SavedEntry`.
    /// **Written** by `saved`. **Read** by `saved list|show|run|export`.
    SavedQueries,
    /// What is known of AWS accounts beside their events.
    /// **Key** account text. **Value** `accounts::Account`.
    /// **Written** by `accounts`, all at once. **Read** by `accounts list`, and
    /// where queries name accounts or choose some by name.
    Accounts,
    /// The next number of a batch, split, import, source or reject: one for all.
    /// **Key** `next`. **Value** u64 in decimal digits. **Written** by
    /// `numbers::Numbers`. **Read** at open for writing.
    Numbers,
}

impl Column {
    pub const ALL: [Self; 14] = [
        Self::Events,
        Self::Tail,
        Self::Stores,
        Self::Batches,
        Self::Splits,
        Self::Intents,
        Self::Imports,
        Self::Files,
        Self::Sources,
        Self::Rejects,
        Self::Conflicts,
        Self::SavedQueries,
        Self::Accounts,
        Self::Numbers,
    ];

    /// Families that came after the first builds of the directory's format: a
    /// directory has them when a build that knows them has written to it.
    pub const LATER: [Self; 2] = [Self::SavedQueries, Self::Accounts];

    /// The family's name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Tail => "tail",
            Self::Stores => "stores",
            Self::Batches => "batches",
            Self::Splits => "splits",
            Self::Intents => "intents",
            Self::Imports => "imports",
            Self::Files => "files",
            Self::Sources => "sources",
            Self::Rejects => "rejects",
            Self::Conflicts => "conflicts",
            Self::SavedQueries => "saved_queries",
            Self::Accounts => "accounts",
            Self::Numbers => "numbers",
        }
    }
}
