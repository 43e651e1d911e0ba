"""What Tipo says: values in, a `Message` or a view out. Pure: no I/O, no clock, no Slack client.

One module for each thing that is said; `posts` renders what the outbox sends. Everything is
keyword-only. `now` is an aware datetime. `share` is the value of a Share button (empty: no
button). Whatever a merchant typed is made harmless here; hand it in as it is.

The ids of actions are `Action` (a StrEnum); what their `value` carries:

    decide.<choice>     token of one proposal (decide.use_number opens a form)
    decide_all, review, bulk, dismiss_report      token of a report
    take_over           tokens of questions, with commas
    go_live             nothing that counts: it asks for the end of shadow mode
    undo                number of a receipt
    share               what was handed in as `share`
    choose.stock, choose.history            a static_select; its value is a pool id
    pool.stock, pool.history                a pool id
    unmatched.page, places.page             an offset: of a button, or of a menu of pages
    review.page.next, review.page.previous  an offset
    places.open, drift, status, home.pause, home.resume, home.check, home.mode   nothing that counts
    home.mode.<mode>    ask for a mode of every connection; value is the alias, or "" for all

Forms: callback_id "places", "review", "bulk", "bulk_confirm", "number".

Posts that people still see carry these ids and values: a renamed one would be a dead button.
"""
