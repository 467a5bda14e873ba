# The messages inside a Daybook journal. FORMAT.md says where they stand and what surrounds them.
#
# Evolution: a field or a union member may be added at the end with the next ordinal; none is ever removed, renumbered
# or given another type, and a retired one keeps its line. Numbers in the constants below reach the disk and are never
# used again for something else. A reader skips event kinds it does not know (the union's newer members).

@0xd4a7b00c15e11e01;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("daybook::wire");

struct Type {
  # A type of elements that needs more than kind, order and size to be told: enum, compound, variable-length arrays,
  # and the types of compound members. `kind`, `order`, `charset` as in Value.
  kind @0 :UInt8;
  order @1 :UInt8;
  charset @2 :UInt8;
  size @3 :UInt32;             # bytes of one element; 0 for variable-length kinds
  members @4 :List(Member);    # compound: in the order of NumPy's and HDF5's member lists
  base @5 :Type;               # enumeration: its integer type; vlen: its element type
  names @6 :List(Text);        # enumeration: names, and …
  values @7 :List(Int64);      # … their values (the bits of a uint64 where the base is unsigned)
}

struct Member {
  name @0 :Text;
  offset @1 :UInt32;           # bytes from the start of the compound; gaps are padding and are kept
  type @2 :Type;
  dims @3 :List(UInt64);       # a sub-array's shape; empty for a plain member
}

struct Value {
  form @0 :UInt8;              # Form in journal/value.h: scalar, array, list, objects, null, unstorable
  kind @1 :UInt8;              # Kind in journal/type.h
  order @2 :UInt8;             # byte order: 0 little, 1 big
  charset @3 :UInt8;           # strings: 0 ASCII, 1 UTF-8
  size @4 :UInt32;             # bytes of one element; 0 for variable-length kinds
  count @5 :UInt64 = 1;        # inside a list: so many consecutive items of this type and shape
  bytes @6 :UInt64;            # how much of the payload is this value's own; values stand in it one after the other
                               # in the order of a depth-first walk, each starting on a multiple of eight
  dims @7 :List(UInt64);       # array, objects: the shape; inside a list: the shape of one item
  type @8 :Type;               # set for enumeration, compound and vlen only
  items @9 :List(Value);       # list, objects: runs of items
  unstorable @10 :Unstorable;
}

struct Unstorable {
  pythonType @0 :Text;         # what it was, e.g. "NoneType"
  repr @1 :Text;               # for people
}

struct Attribute {
  name @0 :Text;
  value @1 :Value;
}

struct RunInfo {
  uuid @0 :Data;               # 16 bytes, RFC 4122 version 4
  rid @1 :Int64;
  className @2 :Text;
  expid @3 :Text;              # the text for /expid, as ARTIQ encodes it (PYON)
  startTime @4 :Float64;       # seconds since the Unix epoch, as ARTIQ writes it to /start_time
  softwareVersion @5 :Text;    # the text for /artiq_version
  host @6 :Text;               # where the journal was made, by …
  pid @7 :Int64;               # … which process, …
  bootId @8 :Text;             # … in which boot of that machine
  daybookVersion @9 :Text;
  layout @10 :Text;            # how the run's file is laid out: a layout file that stands alone (TOML); empty: as ARTIQ does it
  results @11 :Text;           # where the run's file belongs: absolute, or seen from the folder the journal lies in;
                               # empty: {rid:09}-{Class}.h5 in that folder
  pipeline @12 :Text;          # ARTIQ's scheduler: the pipeline the run was in, and its priority there
  priority @13 :Int64;
}

struct State {
  # The one record of the `run` database that every commit rewrites.
  phase @0 :UInt8;             # 0 running, 1 finished, 2 crashed
  last @1 :UInt64;             # sequence number of the newest event in `events`
  intakePosition @2 :UInt64;   # position in the intake behind the newest event that is in `events`
  intakeId @3 :UInt64;         # which intake file that position belongs to
  superseded @4 :UInt64;       # bytes of the payloads in `superseded` that nothing needs any more
}

struct Salvage {
  # In `run` of a journal that salvage made.
  source @0 :Text;             # what it was made from
  time @1 :Int64;              # when, ns since the Unix epoch
  lost @2 :UInt64;             # how many events are missing
  made @3 :Bool;               # the run's description was lost, too, and `info` is made of what the rest tells
  daybookVersion @4 :Text;
}

struct Event {
  time @0 :Int64;              # wall clock, ns since the Unix epoch; never less than the previous event's
  monotonic @1 :Int64;         # CLOCK_MONOTONIC, ns
  previous @2 :UInt64;         # the event before this one on the same chain; 0 for the first
  base @3 :UInt64;             # the newest event at or before this one that holds the chain's whole value; 0: this one
  depth @4 :UInt32;            # how many events of the chain lie between: 0 for the base itself
  key @5 :Text;                # the dataset's name; any bytes (UTF-8 by convention). Of `materialized`: the file, absolute
  parts @6 :List(UInt64);      # sequence numbers of the `part` events whose payloads come before this record's own
  union {
    runStarted @7 :RunInfo;
    stageChanged :group {
      stage @8 :Text;          # build, prepare, run, analyze, …
      runTime @9 :Float64;     # for stage "run": the value for /run_time; 0 otherwise
    }
    set :group {
      value @10 :Value;
      metadata @11 :List(Attribute);   # replaces the key's former metadata
      options @12 :List(Attribute);    # how it is stored: keywords of h5py's create_dataset
      flags @13 :UInt8;                # bit 0 broadcast, 1 persist, 2 archive (saved in the file)
      born @14 :UInt64;                # the event since which the key is saved without a gap; 0: this one
      number @39 :UInt64;              # see numberKind
    }
    mutate :group {
      value @15 :Value;
      region @16 :List(Int64);         # start…, count…, step… (rank numbers each), in elements; of a number only start…
      number @40 :UInt64;
    }
    mutateItem :group {
      value @17 :Value;
      index @18 :UInt64;
      number @41 :UInt64;
    }
    replace :group {
      # The whole value anew (changed behind the API's back, or by an index without a region). Metadata stays.
      value @19 :Value;
      declared @20 :UInt64;            # the `set` that holds the key's metadata, options and flags
      number @42 :UInt64;
    }
    append :group {
      value @21 :Value;
      index @22 :UInt64;               # the position the item got
      number @43 :UInt64;
    }
    remove @23 :Void;
    archived :group {
      value @24 :Value;                # read from elsewhere and saved with the run
      born @25 :UInt64;
    }
    setAttribute :group {
      name @26 :Text;
      value @27 :Value;
      removed @28 :Bool;
    }
    checkpoint @29 :Text;              # its name
    materialized :group {
      text @30 :Text;                  # the layout itself, as a layout file says it
      layout @31 :Text;                # its name
      digest @32 :Text;                # of the layout; empty for the default one
      upTo @33 :UInt64;
    }
    runEnded @34 :Text;                # how: "ok", or what went wrong
    part @35 :Void;                    # a piece of a payload that is too long for one record
    lost @36 :UInt64;                  # put in by salvage: the events from this number up to that one are lost
  }
  numberKind @37 :UInt8;       # not 0: the event's value is one number, which stands in `number` and not in `value`: its
                               # Kind + 1, and …
  numberSize @38 :UInt8;       # … its bytes, at most 8: the low ones of `number`, little-endian
}
