"""What Tipo says: values in, a `Message` or a view out. Pure: no I/O, no clock, no Slack client.

Each builder lives in the module named at the left. Everything is keyword-only. `now` is an aware
datetime. `share` is the value of a Share button (empty: no button). Whatever a merchant typed is
made harmless here; hand it in as it is.

    Message(text: str, blocks: list[dict])          text is a whole sentence for phones and readers

    answers     help_message(*, commands: Sequence[tuple[str, str]], nearest: Sequence[str] = ())
                unclear(*, words: str, nearest: Sequence[str])
                trouble(*, sentence: str)            something did not work, and what to do
                said(*, sentence: str, share="")     a plain answer in one sentence
                paused(*, by: str), resumed(*, by: str)      by: a user id, or a name
                buffer_done(*, levels: int, units: int, alias: str | None, product: str | None)
                approvers(*, listed: Sequence[str])  user ids and user-group ids; empty: channel
                quiet(*, start: str | None, end: str | None, zone: str)
                alerts(*, level: str)
    clicks      clicked(*, clicked: Clicked)         every Answer
                not_allowed(*, why: str, listed: Sequence[str] = ())
    state       status(*, overview, serving: bool, last_report: Report | None, now, share="")
                mode_now(*, overview, share="")
    modes       preflight(*, report, proposal: Proposal | None)
                progress(*, report)
    stock       stock(*, pools: Sequence[PoolView], now, total: int | None = None, share="")
                stock_choice(*, pools: Sequence[PoolView], words: str, then: str = "stock")
                                                     then: "stock", "history", "buffer"
    history     history(*, pool: PoolView, entries: Sequence[Entry], share="")
    places      places(*, places: Places, locations: Mapping[Alias, Sequence[(id, name)]],
                       free: the same, of those on no place, share="")
                places_modal(*, places, locations, private_metadata: str, offset: int = 0) -> dict
                read_places(state: Mapping, *, before: Places) -> Places
                places_errors(state: Mapping, *, before: Places) -> dict[block_id, sentence]
    unmatched   unmatched(*, total: int, rows: Sequence[Unmatched], offset: int, page: int = 20,
                          share="")
    reports     report(*, report, proposals: Sequence[Proposal], receipts: Sequence[Receipt] = ())
                    any kind but a preflight: open, decided, superseded, empty, failed, running
                report_thread(*, report, proposals) -> list[Message]
    review      review_modal(*, report, total: int, proposals, offset: int,
                             chosen: Mapping[int, tuple[Choice, int | None]],
                             private_metadata: str) -> dict      at most PAGE proposals
                read_review(state: Mapping) -> dict[int, tuple[Choice, int | None]]
                review_errors(state: Mapping) -> dict[block_id, sentence]
                number_modal(*, proposal, private_metadata: str) -> dict
                chosen_after(chosen, state) -> the same, this page read into it: what is set
                back to "Leave it open" is forgotten
                read_number(state: Mapping) -> int | None
    proposals   proposal(*, proposal)                one finding with its options as buttons
                undo_question(*, proposal)
                receipt(*, receipt, share="")
    packs       pack_question(*, proposal)
    brake       brake(*, facts: Mapping, token: str | None, at: datetime)
    incidents   incident(*, body: Mapping, now, token="")     body as bot.notifications made it
    home        home(*, overview, hours: Sequence[Hour], reports: Sequence[Report], now, may: bool,
                     chart: bool = True) -> dict     a whole view of type "home"
    posts       needs(post) -> Needs(report: int | None, proposals: int | None,
                                     receipts: tuple[int, ...],
                                     question: tuple[kind, subject] | None)
                render(post, Lookup(report, proposals, receipts, question: Proposal | None), now)

The ids of actions are `Action` (a StrEnum); what their `value` carries:

    decide.<choice>     token of one proposal (decide.use_number opens number_modal)
    decide_all, review, dismiss_report      token of a report
    undo                number of a receipt
    share               what was handed in as `share`
    choose.stock, choose.history, choose.buffer     a static_select; its value is a pool id
    pool.stock, pool.history                a pool id
    unmatched.page, places.page             an offset: of a button, or of a menu of pages
    review.page.next, review.page.previous  an offset
    places.open, drift, status, home.pause, home.resume, home.check, home.mode   nothing that counts
    home.mode.<mode>    ask for a mode of every connection; value is the alias, or "" for all

Modals: callback_id "places", "review", "number".

The folds, pure too:

    bot.notifications        Policy(channel, level="digest", quiet=None, stores=(), per_hour=20,
                           digest_at=time(9), zone="UTC")
                    Quiet(start: time, end: time)        in the policy's zone
                    LEDGER: key of the post that remembers what is open; it is never due
                    needed(ledger: Post | None, notices) -> list[str]     posts that fold() needs
                    fold(posts: Mapping[str, Post], notices, *, now, policy) -> list[Post]
                    next_reminder(posts, *, policy) -> datetime | None
                    remind(posts, *, now, policy) -> list[Post]
    bot.activity    LEDGER, needed(ledger), fold(posts, moved: Sequence[Moved], *, now, policy)

A changed post comes back one version higher. A post that is never to be said is due in the year
9999. A report's post whose body has "reply" answers there (a response_url) first.
"""
