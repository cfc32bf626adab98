package collectionmodel

import (
	"fmt"
	"strings"
)

// Step names one step of the model, for traces.
type Step struct {
	do                   action
	actor, object, other uint8
}

// action is the verb of a step.
type action uint8

const (
	doWrite action = iota
	doRefused
	doAbort
	doRegister
	doRegisterLoser
	doCheckManifest
	doManifest
	doHead
	doPutInline
	doPut
	doPutLoser
	doDelete
	doTrashLoser
	doRemoveLoser
	doLoserEarly
	doUnknown
	doLateCommit
	doLateNever
	doBegin
	doPart
	doComplete
	doCompleteHashed
	doAbandon
	doAbortUpload
	doFindPending
	doHash
	doClearEnded
	doCondemn
	doMark
	doSweepMarked
	doUnlinkFirst
	doTakeTrash
	doRemove
	doUntrash
	doTakeOrphan
	doSweep
	doStart
	doFence
	doCrash
	doExpire
	doLastSync
	doLoseBytes
	doKeepBytes
	doReadRegister
	doReadView
	doReadPin
	doReadDone
	doCompute
	doPublish
	doPublishPins
	doStopReading
	doLapse
	doRenew
)

// phrases say a step with its actor, object and other as arguments 1 to 3.
var phrases = [...]string{
	doWrite:          "client %[1]d writes the bytes of digest %[2]d at location %[3]d",
	doRefused:        "client %[1]d's transaction is refused, its process being fenced; location %[3]d is given up",
	doAbort:          "client %[1]d goes away; location %[3]d is given up",
	doRegister:       "client %[1]d's blob is committed as content %[2]d at location %[3]d, with a lease",
	doRegisterLoser:  "client %[1]d's blob is committed: it names content %[2]d that is there already; location %[3]d has lost",
	doCheckManifest:  "client %[1]d's manifest: contents are looked up",
	doManifest:       "client %[1]d's manifest is committed with its edges",
	doHead:           "client %[1]d asks for digest %[2]d with HEAD and is told that it is there",
	doPutInline:      "client %[1]d's small object of digest %[2]d is committed inline",
	doPut:            "client %[1]d's object is committed with content %[2]d at location %[3]d",
	doPutLoser:       "client %[1]d's object is committed: it names content %[2]d that is there already; location %[3]d has lost",
	doDelete:         "client %[1]d deletes its name",
	doTrashLoser:     "client %[1]d's location %[3]d, which lost, goes to the trash",
	doRemoveLoser:    "client %[1]d's location %[3]d, which lost, is deleted at once",
	doClearEnded:     "process %[1]d's collector removes the part rows of upload %[2]d, which has ended",
	doLoserEarly:     "client %[1]d's digest has a content already: the bytes at location %[3]d are deleted",
	doUnknown:        "the outcome of client %[1]d's commit naming location %[3]d is unknown",
	doLateCommit:     "client %[1]d's commit of unknown outcome comes late",
	doLateNever:      "client %[1]d's commit of unknown outcome never comes",
	doBegin:          "client %[1]d begins upload %[2]d",
	doPart:           "client %[1]d's part at location %[3]d is committed to upload %[2]d",
	doComplete:       "client %[1]d completes upload %[2]d",
	doCompleteHashed: "client %[1]d completes upload %[2]d, whose digest is known",
	doAbandon:        "client %[1]d abandons upload %[2]d",
	doFindPending:    "process %[1]d's hasher has the digest of content %[2]d",
	doAbortUpload:    "upload %[2]d is aborted",
	doHash:           "content %[2]d turns out to have digest %[3]d",
	doCondemn:        "process %[1]d's collector commits the removal of content %[2]d",
	doMark:           "process %[1]d's collector finds content %[2]d without edges",
	doSweepMarked:    "process %[1]d's collector commits the removal of content %[2]d that it found before",
	doUnlinkFirst:    "process %[1]d's collector deletes the bytes of content %[2]d before its transaction",
	doTakeTrash:      "process %[1]d's collector takes location %[3]d out of the trash to delete it",
	doRemove:         "process %[1]d's collector deletes the bytes at location %[3]d",
	doUntrash:        "process %[1]d's collector commits the removal of location %[3]d's trash row",
	doTakeOrphan:     "process %[1]d's sweeper finds location %[3]d in no row",
	doSweep:          "process %[1]d's sweeper deletes the bytes at location %[3]d",
	doStart:          "process %[1]d starts with epoch %[2]d",
	doFence:          "process %[1]d fences epoch %[2]d",
	doCrash:          "process %[1]d crashes",
	doExpire:         "the lease of content %[2]d runs out",
	doLastSync:       "the last sync before the power loss: commits from here on are lost",
	doLoseBytes:      "power is lost, and all bytes not synced; removals not synced are undone",
	doKeepBytes:      "the machine dies; bytes not synced happen to stay",
	doReadRegister:   "reader %[1]d registers",
	doReadView:       "reader %[1]d's View finds locations %[2]b (as bits)",
	doReadPin:        "reader %[1]d is a minute old and pins its own content only",
	doReadDone:       "reader %[1]d is done",
	doCompute:        "process %[1]d computes its oldest reader",
	doPublish:        "process %[1]d publishes its oldest reader and pins",
	doPublishPins:    "process %[1]d publishes its pins",
	doStopReading:    "process %[1]d could not renew its registration and stops its readers",
	doLapse:          "process %[1]d's registration lapses",
	doRenew:          "process %[1]d registers again",
}

// String says the step in words.
func (s Step) String() string {
	phrase := phrases[s.do]
	if !strings.Contains(phrase, "%") {
		return phrase
	}
	return fmt.Sprintf(phrase, s.actor, s.object, s.other)
}
