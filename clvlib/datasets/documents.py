"""The five documents this repository walks, section by section: which chapter does what each section asks for.

The documents are articles in Chinese that are not part of the repository; S0 to S4 are our names for them, and what
stands here is a description in our own words. Chapters are named by their number; a number without a notebook is a
chapter to come, and "–" says that no chapter is planned. ``Q1`` is the first question of a document's appendix.
"""

import pandas as pd

__all__ = ["DOCUMENTS", "editorial_errata", "section_map"]

#: Name and subject of each document.
DOCUMENTS: dict[str, str] = {
    "S0": "Lifetime value management with recommenders: collaborative, content-based, deep learning",
    "S1": "Lifetime value as a discounted sum, and a neural network that predicts it",
    "S2": "A prediction model for lifetime value: logistic regression against a neural network",
    "S3": "Managing the customer life cycle: a logistic retention model and two rules",
    "S4": "User value analysis: neighbourhood recommenders, and where they are used",
}

# document | sections | what they are about | chapters
_SECTIONS = """
S0 | 1, 2.1, Q1            | what lifetime value and the life cycle are                    | 1.2, 3.1
S0 | 2.2, 3.4, 6.1, 6.2    | recommending, marketing, service, churn as uses               | 2.1, 5.1, 5.3, 4.1
S0 | 3.1, 3.3              | three families of recommenders, for and against               | 2.1, 2.2, 2.3
S0 | 3.2.1, 4.1.1, Q2      | collaborative filtering: rating and similarity matrix         | 2.1
S0 | 4.2.1, 4.2.2, 4.3     | cosine similarity, weighted mean, the 3×4 example             | 0.1, 2.1
S0 | 5.2.1, 5.3.1, 5.4     | collaborative filtering as a listing, and its result          | 0.1, 2.1
S0 | 3.2.2, 4.1.2, Q3      | matching of interests and item features                       | 2.2
S0 | 5.2.2, 5.3.2          | TF-IDF matching as a listing                                  | 0.1, 2.2
S0 | 3.2.3, 4.1.3, Q4      | neural networks for user and item                             | 2.3, 2.4
S0 | 5.2.3, 5.3.3          | embeddings as a listing                                       | 0.1, 2.3
S0 | 5.1, 7.2              | packages and tools                                            | README
S0 | 7.1, 7.3              | books, courses, papers                                        | 0.1
S0 | 6.3, 8.1, 8.2         | summary; language, vision, reinforcement to come              | 2.2, –
S0 | 8.3, 8.4, Q5          | privacy, safety, fairness, explanation                        | 6.1, 6.2, 6.3
S1 | 1, 2.1                | what lifetime value is for                                    | 3.1
S1 | 2.2, Q1               | large models by kind: transformer, adversarial, reinforcement | 2.4, –
S1 | 2.3, 3.2              | from data to deployed prediction, in steps                    | 1.1, 3.3, 6.4
S1 | 3.1, 3.3              | regression, trees, networks as candidates                     | 3.4
S1 | 3.4, 6.1              | tiers of customers by value                                   | 1.3
S1 | 4.1, 4.2, 4.3         | the discounted sum, its assumptions, its example              | 0.1, 3.1
S1 | 5.2, 5.3, 5.4         | a multilayer perceptron for value                             | 0.1, 3.3
S1 | 6.2                   | offers by value                                               | 5.1
S1 | 6.3                   | product development                                           | 2.5
S1 | 5.1, 7.2              | packages and tools                                            | README
S1 | 7.1, 7.3              | books, courses, papers                                        | 0.1
S1 | 6.4, 8.1, 8.2, 8.4    | summary; several sources, real time, language, vision, VR     | 6.4, 2.2, –
S1 | 8.3, Q4               | data quality, privacy, explanation, fairness                  | 1.1, 6.1, 6.2, 6.3
S1 | Q2                    | missing values                                                | 1.1, 3.3
S1 | Q3                    | measures of a model                                           | 0.1, 3.4
S2 | abstract, 1.1         | what lifetime value is for                                    | 3.1
S2 | 1.2                   | recommenders, chatbots, demand forecasts                      | 2.1, 5.3, 5.2
S2 | 2.1, 2.2, 3.1         | features, algorithms, evaluation                              | 3.3
S2 | 3.2.1, 3.3.1, 4.1.1   | logistic regression: steps, merits, model                     | 3.3, 4.1
S2 | 4.2.1, 4.3.1          | its loss, and a customer without parameters                   | 0.1, 4.1
S2 | 3.2.2, 3.3.2, 4.1.2   | neural network: steps, merits, model                          | 3.3
S2 | 4.2.2, 4.3.2          | its loss, and a 2-3-1 network                                 | 0.1, 3.3
S2 | 3.4                   | which of the two where                                        | 3.4
S2 | 5.2, 5.3, 5.4         | both models as a listing, and their metrics                   | 0.1, 3.3, 3.4
S2 | 5.1, 8.2              | packages and tools                                            | README
S2 | 6.1                   | analysis of behaviour                                         | 1.2
S2 | 6.2                   | offers by predicted value                                     | 5.1
S2 | 6.3                   | stock by predicted purchases                                  | 5.2
S2 | 7.1, 7.2, 9.1, 9.2    | summary; graphs, images, speech to come                       | 2.4, –
S2 | 7.3                   | prediction in real time                                       | 6.4
S2 | 8.1, 8.3              | books, papers                                                 | 0.1
S2 | 9.3, 9.4              | data quality, explanation                                     | 1.1, 6.3
S2 | 10.1, 10.3            | what accuracy depends on, choice of a model                   | 3.4
S2 | 10.2                  | missing values                                                | 1.1, 3.3
S3 | abstract, 1           | why to manage the life cycle                                  | 1.2
S3 | 2.1                   | five stages, from acquisition to referral                     | 1.2
S3 | 2.2, 3.4              | recommending, service, risk, retention as uses                | 2.1, 5.3, 5.4, 4.1
S3 | 2.3, 3.2              | from data to deployed prediction, with feedback               | 1.1, 4.1, 6.4
S3 | 3.1, 3.3              | behaviour, and predicting it, for and against                 | 4.1, 4.2
S3 | 4.1                   | retention, purchase intent, churn                             | 4.1, 3.2, 4.2
S3 | 4.2, 4.3              | the logistic model, its parameters, the two rules             | 0.1, 4.1
S3 | 5.2, 5.3, 5.4         | the model as a listing, and its metrics                       | 0.1, 4.1
S3 | 6.1                   | personal recommendations                                      | 2.1, 2.2, 2.3
S3 | 6.2                   | service in natural language                                   | 5.3
S3 | 6.3                   | abuse and fraud                                               | 5.4
S3 | 6.4, Q2               | retention offers by stage                                     | 1.2, 4.1, 5.1
S3 | 5.1, 7.2              | packages and tools                                            | README
S3 | 7.1, 7.3, references  | books, papers                                                 | 0.1
S3 | 8.1, 8.2, 8.4         | summary and outlook                                           | –
S3 | 8.3, Q1               | data quality, privacy, generalising to other groups           | 1.1, 6.1, 6.2
S3 | Q3                    | how to tell whether it works, by key figures                  | 1.2, 5.1, 6.4
S4 | 1, 2.1, 2.2           | behaviour, value, recommending, segments, churn as one chain  | 1.2, 1.3, 2.1, 3.2, 4.1
S4 | 3.1, Q1               | neighbours, content, deep, clusters, association rules        | 2.1, 2.2, 2.3, 1.3, 2.5
S4 | 3.2, 3.3, Q2          | collaborative filtering in steps, for and against             | 2.1
S4 | 4.1, 4.2, 4.3         | user-based and item-based prediction, a dense example         | 0.1, 2.1
S4 | 5.2, 5.3              | neighbours as a listing, on the 5×5 matrix                    | 0.1, 2.1
S4 | 3.4                   | uses: recommending, churn, segments, demand, cross-selling    | 2.1, 4.1, 1.3, 5.2, 2.5
S4 | 6.1, Q3               | a recommender in a shop, and making it better                 | 2.1, 2.3, 2.4
S4 | 6.2, Q4, Q5           | churn prediction and keeping customers                        | 4.1, 4.2, 5.1
S4 | 6.3                   | segments and what to do with each                             | 1.3, 5.1
S4 | 5.1, 7.2              | packages and tools                                            | README
S4 | 7.1, 7.3              | books, courses, papers                                        | 0.1
S4 | 8.1, 8.2              | summary; several kinds of data, service bots, real time       | 5.3, 6.4, –
S4 | 8.3, 8.4              | data quality, complexity, privacy, explanation                | 1.1, 6.1, 6.3
"""

# entry | where | what is wrong with it | chapters that put it right; an indented line continues a row
_EDITORIAL = """
E13 | S0 §3.2.2, §5.3.2, A3-A4 | calls content-based filtering user-based, and a row divided by its sum a
    weighted mean; deep learning is not a recommender by definition | 2.2
E14 | S0 §7.1, §7.3 | the textbook is Aggarwal's (2016), the Coursera specialisation Minnesota's,
    Surowiecki's a trade book; the survey usually meant is by Zhang, Yao, Sun and Tay (2019) | 0.1
E15 | S0 §3.4, §6 | marketing, service and churn are named, without a formula or a line of code | 4.1, 5.1,
    5.3
E17 | S1 §4.1-4.2 | the sum asks for net income, its example adds gross purchases; no margin, survival or
    acquisition cost; falling income is assumed and never needed | 3.1
E20 | S1 §5.4, §6.1, §7.3 | results are announced without a number, tiers without a threshold; the paper of
    1997 is called Long Short-Term Memory; three kinds of large models are named and never used | 3.3, 1.3
E21 | S1 last line | a language model's end-of-turn mark was left in the text | 0.1
E27 | S2 §4.1.2 | one index stands for the unit and for its inputs, and a layer has one bias for all its
    units | 3.3
E28 | S2 §4.2 | a negative log-likelihood goes by the name of log-likelihood; the network is given squared
    error, the listing's classifier minimises log-loss | 3.3
E30 | S2 title, abstract, §8.3 | announces value and a real case; there is a yes/no label, and no data,
    money, horizon or discount; papers without authors | 3.3
E32 | S3 §4.2 | the probability of staying beyond T has no T on its right side: one fixed horizon, not a
    survival curve | 4.1
E35 | S3 §3.2, §4.3 | a customer's id is a feature; no cut between the 30 days seen and the 7 predicted;
    coupons go by risk, which is not the same as being persuadable | 4.1, 5.1
E36 | S3 §2.1 | the fifth stage is referral (customers who bring customers), not recommendation | 1.2
E37 | S3 §5.1 | Python 3.8, scikit-learn 0.22 and TensorFlow 2.4 are past their end of life | README
E38 | S3 references, last lines | placeholder authors, and a closing note that the text is a template | 0.1
E44 | S4 §3.2, §4.3, §5.3 | similarity is between users, or between items, not between a user and an item;
    so are neighbours | 2.1
E45 | S4 §3.3 | claims new items and large data as strengths, then cold start and scale as weaknesses | 2.1,
    2.2
E47 | S4 §3.1, §6, §7.3, §8.3 | clusters, association rules, deep churn models and a marked improvement,
    without formula, code or number; a phrase on fine-tuning large models from another article | 1.3, 2.5,
    4.2
"""


def section_map(document: str) -> pd.DataFrame:
    """Which chapters do what a document's sections ask for.

    Parameters
    ----------
    document : str
        One of :data:`DOCUMENTS`.

    Returns
    -------
    DataFrame with ``sections``, ``about`` and ``chapters``, texts; each section of the document stands in one row.

    Raises
    ------
    ValueError
        If there is no such document.

    Examples
    --------
    >>> section_map("S1").query("sections.str.contains('4.3')")["chapters"].item()
    '0.1, 3.1'
    """
    if document not in DOCUMENTS:
        raise ValueError(f"no document {document!r}; there are {', '.join(DOCUMENTS)}")
    table = _table(_SECTIONS, ["document", "sections", "about", "chapters"])
    return table[table["document"] == document].drop(columns="document").reset_index(drop=True)


def editorial_errata() -> pd.DataFrame:
    """The errata that no computation shows: names, citations, claims without content.

    Returns
    -------
    DataFrame with ``entry``, ``where``, ``remark`` and ``chapters`` (where it is put right), texts.

    Examples
    --------
    >>> editorial_errata()["entry"].iloc[0]
    'E13'
    """
    return _table(_EDITORIAL, ["entry", "where", "remark", "chapters"])


def _table(text: str, columns: list[str]) -> pd.DataFrame:
    lines = text.replace("\n    ", " ").strip().splitlines()
    rows = [[part.strip() for part in line.split("|")] for line in lines]
    return pd.DataFrame(rows, columns=columns)
