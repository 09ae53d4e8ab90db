from datetime import timedelta
from stanchion.ledger import NewRun,payload,Commit,Draft,Place,EntryPhase,Settlement
async def test_a(store):
    r=await store.create(NewRun("r1","w","1",payload({"a":1})))
    await store.heartbeat("me",timedelta(seconds=30))
    r=await store.claim("r1","me")
    for i in range(20):
        await store.append(Commit("r1",r.epoch,(Draft(Place("",i),EntryPhase.DONE,"step","x",result=payload("r"*i)),),settlement=Settlement(steps=1)))
    es=await store.entries("r1")
    assert len(es)==20
    assert es==await store.follow((0,0),50)
    assert (await store.get("r1")).account.steps==20
    print(await store.stats(), await store.describe())
