//! What the replaced Spark job got wrong, beside what Stockpipe makes of the same ticks.
//!
//! The cases are those of `tests/golden/cases`; what the job gave stands in `replaced_system.json`, as Spark 3.5.1 with the
//! job's own code printed it. [`run`] puts a case's ticks through the real ingest worker on stores in memory, [`facts`] says
//! for both sides what is right and what is not, [`table`] makes the table of `docs/migrating-from-spark.md` out of that.
//!
//! The other half of the comparison, Spark's windows of a whole topic against Stockpipe's on real servers, is written in
//! Python beside this: `make parity`.
//!
//! What this crate deliberately does not do: run Spark, or decide what is right (the cases do).

pub mod case;
pub mod facts;
pub mod run;
pub mod table;
