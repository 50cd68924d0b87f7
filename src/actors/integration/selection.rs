//! Which rows become items: page by page, each page stored with the place where the next one begins, so that a crash in the middle
//! loses nothing and repeats nothing.

use crate::{
    actors::{
        integration::{
            run::{Halt, Run},
            work::Work,
        },
        stored::again_if_beaten,
    },
    domain::integration::{
        IntegrationDirection,
        admit::{Again, Candidate},
    },
    store::{
        Error,
        integrations::{QueuePage, SelectRows, Selection},
    },
};

/// Rows of one page, and of one transaction.
const PAGE_ROWS: u32 = 500;

/// Selects what is still to be selected. What it would meet again at once ends it until the next due time.
pub(super) async fn select(run: &mut Run) -> Result<(), Halt> {
    pages(run).await.map_err(|halt| match halt {
        Halt::Store(Error::Content(what)) => Halt::Failed(format!("A row cannot be read: {what}.")),
        // The place is of another kind of rows than the integration has now.
        Halt::Store(Error::Cursor) => {
            Halt::Failed("The rows are not what they were; the next due time looks again.".to_owned())
        }
        // It would at once take as long again.
        Halt::Store(error) if error.is_too_slow() => {
            let why = "The database took too long to find the rows that meet the filter, and was stopped \
                       (database.statement_seconds); the next due time looks again.";
            Halt::Failed(why.to_owned())
        }
        Halt::Store(error) if error.is_lasting() => {
            tracing::error!(client_integration.id = %run.whose.id, error = ?error, "rows cannot be selected");
            let why = "The database refuses to select rows by the filter, or to queue them; the engine's log says why. The next \
                       due time tries again.";
            Halt::Failed(why.to_owned())
        }
        other => other,
    })
}

async fn pages(run: &mut Run) -> Result<(), Halt> {
    while let Some(selection) = run.selection.take() {
        run.go_on()
            .await
            .inspect_err(|_| run.selection = Some(selection.clone()))?;
        if let Some(problem) = &run.problem {
            return Err(Halt::Failed(problem.clone()));
        }
        // The place of another filter says nothing: everything is looked at again. What is in the queue stays there once.
        let what = looks_for(&run.work);
        let place = selection.place.clone().filter(|_| selection.what == what);
        let (candidates, place) = match run.work.integration.integration_direction_id {
            IntegrationDirection::Inbound => (pull(run, &selection).await?, None),
            IntegrationDirection::Outbound => page(run, place).await?,
        };
        let goes_on = place.map(|place| Selection {
            due_at: selection.due_at,
            what,
            place: Some(place),
        });
        let page = QueuePage {
            whose: run.whose,
            run: run.id,
            again: again(&run.work),
            candidates,
            goes_on: goes_on.clone(),
            now: run.services.clock.now(),
        };
        let (store, epoch) = (&run.services.store, run.services.epoch);
        let queued = again_if_beaten(async || store.queue_page(page.clone(), epoch).await);
        run.counts.selected += queued.await?;
        run.selection = goes_on;
    }
    Ok(())
}

fn again(work: &Work) -> Again {
    match work.integration.integration_direction_id {
        IntegrationDirection::Inbound => Again::Never,
        IntegrationDirection::Outbound => Again::of(&work.integration),
    }
}

/// What a selection looks for, as one text.
fn looks_for(work: &Work) -> String {
    let of = &work.integration;
    format!(
        "{}|{}|{:?}|{}",
        of.integration_direction_id,
        of.entity_id.to_ascii_lowercase(),
        again(work),
        of.filter.as_deref().unwrap_or_default()
    )
}

/// A pull of what the other system has, unless one is not finished.
async fn pull(run: &Run, selection: &Selection) -> Result<Vec<Candidate>, Halt> {
    if run.services.store.has_unfinished_item(run.whose).await? {
        return Ok(Vec::new());
    }
    Ok(vec![Candidate {
        item_id: selection.due_at.to_string(),
        item_name: format!("{} of {}", run.work.integration.entity_id, selection.due_at),
        item_version: 1,
        item_updated_on: selection.due_at,
    }])
}

/// The next rows that meet the filter, and where they go on.
async fn page(run: &mut Run, place: Option<String>) -> Result<(Vec<Candidate>, Option<String>), Halt> {
    let wanted = SelectRows {
        tenant: run.work.tenant_id,
        client_integration: run.work.id,
        entity: run.work.integration.entity_id.trim().to_owned(),
        filter: run.work.filter.clone(),
        again: again(&run.work),
        after: place,
        limit: PAGE_ROWS,
        now: run.services.clock.now(),
    };
    let page = run.services.store.select_rows(wanted).await?;
    if let Some(why) = page.refusal {
        run.left_out.get_or_insert(why);
    }
    Ok((page.rows, page.next))
}
