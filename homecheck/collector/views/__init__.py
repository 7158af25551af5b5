"""The dashboard: pages for people, rendered here, that work without scripts. Nobody sees data without a session.

site        what the pages share: who visits, templates, forms, who may do what
dashboard   every group of pages, in one list; a new group is one file and one name there

people      /                     people with verdict, filters as addresses
            /people/{id}          one person's checks
devices     /devices/{kid}        one key: whose place it took, what it signed
evidence    /evidence/{digest}    everything about one evidence
programs    /programs[/{id}]      programs, policies, invitations
events      /events               what was changed, what looks like an attack
calls       /calls                who waits to be called, and the code to play
account     /account              one's own password, second factor, sessions and API tokens
session     /sign-in[/{token}]    in and out
public      /invite/{code} · /problems/{reason} · /static/{name}      no session
"""
