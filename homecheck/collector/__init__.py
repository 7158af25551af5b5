"""The collector: receives evidence, verifies, stores and appraises it, answers with receipts, and shows IT the result.

    app       machine routes (agents)         views     dashboard (people)
    intake    one upload, step by step        access    sign-in, sessions, roles
    enrolment invitations and device keys     store/    all SQL, and the writer that commits in groups
    setup     a new collector                 serve     sockets, TLS, a clean start and a clean end

It measures nothing: it imports no probe, no instrument and no audio library.
"""
