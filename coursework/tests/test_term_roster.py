import pytest

from elbo_coursework.term.roster import Student, match, read_roster, roster_text

CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Surgery (77)
    Points Possible,,,,,100
"Lovelace, Ada",501,s01,alove,One,
"Student, Test",999,,,One,
"""
FORMS = {
    "plain": "id,name,email\ns01,Ada Lovelace,ada@uni.edu\n",
    "moodle": "First name;Surname;ID number;Email address\nAda;Lovelace;s01;ada@uni.edu\n",
    "gradescope": "Last Name,First Name,SID,Email,Sections,Submission ID\nLovelace,Ada,s01,ada@uni.edu,One,88\n",
    "accents": "E-Mail,Full Name,Student Number\nada@uni.edu,Ada Lovelace,s01\n",
}


def read(tmp_path, text):
    (tmp_path / "roster.csv").write_text(text, encoding="utf-8")
    return read_roster(tmp_path / "roster.csv")


@pytest.mark.parametrize("form", FORMS)
def test_columns_are_recognised(tmp_path, form):
    (ada,) = read(tmp_path, FORMS[form])
    assert (ada.id, ada.name, ada.email, ada.split_name) == ("s01", "Ada Lovelace", "ada@uni.edu", ("Ada", "Lovelace"))


def test_the_gradebook_of_canvas_is_a_roster(tmp_path):
    (ada,) = read(tmp_path, CANVAS)
    assert ada == Student(id="s01", name="Lovelace, Ada", login="alove", section="One", canvas="501")
    assert ada.split_name == ("Ada", "Lovelace")


@pytest.mark.parametrize("text", [*FORMS.values(), CANVAS, "id,name,extension\n=1,Zoë,2\n"])
def test_a_roster_that_is_kept_is_the_same(tmp_path, text):
    roster = read(tmp_path, text)
    assert read(tmp_path, roster_text(roster)) == roster


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour,size\nred,2\n", "roster.csv, row 1: expected columns such as id, name and email, got colour, size"),
        ("id,name\n1,a\n1,b\n", "roster.csv, column id: expected each once, got '1' twice"),
        ("name,email\na,A@x\nb,a@X\n", "roster.csv, column email: expected each once, got 'ax' twice"),
        ("id,name\n", "roster.csv: expected a row for each student, got none"),
        ("id,extension\na,soon\n", "roster.csv, row 2, column extension: expected a whole number of days, got 'soon'"),
    ],
)
def test_what_is_no_roster_is_said(tmp_path, text, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the whole message is compared
        read(tmp_path, text)
    assert str(error.value) == message


ADA = Student("s0012", "ada.lovelace@uni.edu", "Ada Lovelace", canvas="501501", login="alove")
ANN = Student("s0013", "al@uni.edu", "Ann Lee")
ANNA = Student("s0014", "annlee2@uni.edu", "Ann Lee-Smith")
ZOE = Student("7", "", "Zoë Müller", submission="88")
ROSTER = (ADA, ANN, ANNA, ZOE)


@pytest.mark.parametrize(
    ("submission", "file", "student"),
    [
        ("ada.lovelace@uni.edu", "x.ipynb", ADA),
        ("S0012", "x.ipynb", ADA),
        ("surgery_s0012_final", "x.ipynb", ADA),
        ("lovelaceada_501501", "lovelaceada_501501_8_surgery.ipynb", ADA),
        ("LovelaceAda", "x.ipynb", ADA),
        ("Ada Lovelace_123456", "Ada Lovelace_123456_assignsubmission_file/surgery.ipynb", ADA),
        ("homework", "Lovelace, Ada/surgery.ipynb", ADA),
        ("alove", "x.ipynb", ADA),
        ("ann-lee", "x.ipynb", ANN),
        ("ann_lee_smith", "x.ipynb", ANNA),
        ("hw1_ann_lee_smith", "x.ipynb", ANNA),
        ("zoe muller", "x.ipynb", ZOE),
        ("submission_88", "submission_88/surgery.ipynb", ZOE),
        ("7", "7.ipynb", ZOE),
        ("surgery (7)", "surgery (7).ipynb", None),
        ("joann-leeds", "x.ipynb", None),
        ("s00123", "x.ipynb", None),
        ("surgery", "surgery.ipynb", None),
    ],
)
def test_a_submission_is_its_students(submission, file, student):
    matching = match({submission: file}, ROSTER)
    assert matching.students.get(submission) == student
    assert matching.notes == (() if student else (f"{submission} is of nobody on the roster.",))
    assert set(matching.absent) == {*ROSTER} - {student}


def test_of_two_of_one_name_nobody_is_taken():
    twins = (Student("s21", name="Li Na"), Student("s22", name="Li Na"))
    matching = match({"lina": "x.py", "s22_li_na": "x.py"}, twins)
    assert matching.students == {"s22_li_na": twins[1]}
    assert matching.notes == ("lina may be of Li Na or Li Na.",)
    assert matching.absent == (twins[0],)


def test_several_submissions_of_one_are_told():
    assert match({"ann-lee": "a", "s0013": "b"}, (ANN,)).notes == ("Ann Lee has 2 submissions: ann-lee, s0013.",)
