// Check a log with the code of Go's own checksum database: golang.org/x/mod/sumdb/note and tlog.
//
// Standard input is JSON: the log's vkey, checkpoints as they were signed, proofs of entries (each with its leaf's hash
// and the number of its checkpoint) and proofs of growth from the first checkpoint to each other one.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type input struct {
	Key         string
	Checkpoints []string
	Entries     []struct {
		Checkpoint int
		Index      int64
		Leaf       string
		Path       []string
	}
	Growth []struct {
		From, To int
		Path     []string
	}
}

func must(err error, what string) {
	if err != nil {
		fmt.Println(what+":", err)
		os.Exit(1)
	}
}

func hash(text string) tlog.Hash {
	data, err := base64.StdEncoding.DecodeString(text)
	must(err, "base64")
	var found tlog.Hash
	if copy(found[:], data) != 32 || len(data) != 32 {
		must(fmt.Errorf("%d bytes", len(data)), "hash")
	}
	return found
}

func hashes(texts []string) []tlog.Hash {
	found := []tlog.Hash{}
	for _, text := range texts {
		found = append(found, hash(text))
	}
	return found
}

func main() {
	var given input
	must(json.NewDecoder(os.Stdin).Decode(&given), "input")
	verifier, err := note.NewVerifier(given.Key)
	must(err, "key")
	var sizes []int64
	var roots []tlog.Hash
	for _, signed := range given.Checkpoints {
		opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
		must(err, "checkpoint")
		lines := strings.Split(opened.Text, "\n")
		size, err := strconv.ParseInt(lines[1], 10, 64)
		must(err, "size")
		if lines[0] != verifier.Name() {
			must(fmt.Errorf("%q", lines[0]), "origin")
		}
		sizes, roots = append(sizes, size), append(roots, hash(lines[2]))
	}
	for _, entry := range given.Entries {
		at := entry.Checkpoint
		must(tlog.CheckRecord(hashes(entry.Path), sizes[at], roots[at], entry.Index, hash(entry.Leaf)), "entry")
	}
	for _, grown := range given.Growth {
		path := hashes(grown.Path)
		must(tlog.CheckTree(path, sizes[grown.To], roots[grown.To], sizes[grown.From], roots[grown.From]), "growth")
	}
	fmt.Println(len(given.Checkpoints), "checkpoints,", len(given.Entries), "entries,", len(given.Growth), "proofs of growth: good")
}
